"""All verbs of an operator; `fab --list` shows them."""

from invoke.collection import Collection

from ops.tasks import (
    app,
    backup,
    certs,
    db,
    deploy,
    doctor,
    fleet,
    hosts,
    lab,
    load_balancers,
    net,
    secrets,
)

namespace = Collection(
    fleet.plan,
    fleet.apply,
    doctor.doctor,
    app=Collection.from_module(app),
    backup=Collection.from_module(backup),
    certs=Collection.from_module(certs),
    db=Collection.from_module(db),
    deploy=Collection.from_module(deploy),
    hosts=Collection.from_module(hosts),
    lab=Collection.from_module(lab),
    lb=Collection.from_module(load_balancers),
    net=Collection.from_module(net),
    secrets=Collection.from_module(secrets),
)
