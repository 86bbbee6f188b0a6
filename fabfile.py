"""All verbs of an operator; `fab --list` shows them."""

from invoke.collection import Collection

from ops.tasks import fleet, secrets

namespace = Collection(fleet.plan, fleet.apply, secrets=Collection.from_module(secrets))
