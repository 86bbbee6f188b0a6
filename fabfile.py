"""All verbs of an operator; `fab --list` shows them."""

from invoke.collection import Collection

from ops.tasks import fleet, lab, secrets

namespace = Collection(
    fleet.plan,
    fleet.apply,
    lab=Collection.from_module(lab),
    secrets=Collection.from_module(secrets),
)
