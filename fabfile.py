"""All verbs of an operator; `fab --list` shows them."""

from invoke.collection import Collection

from ops.tasks import certs, fleet, lab, load_balancers, secrets

namespace = Collection(
    fleet.plan,
    fleet.apply,
    certs=Collection.from_module(certs),
    lab=Collection.from_module(lab),
    lb=Collection.from_module(load_balancers),
    secrets=Collection.from_module(secrets),
)
