"""What `fab apply` would do, as a value: shown, judged by the brakes, digested, applied."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from ops.changes import Change, Verb
from provisioning.fleet import Fleet, Host, Role

MANY = 0.3  # of the hosts of a role at once


class Brake(StrEnum):
    """What is too much for one go unless the operator names it (`--allow`)."""

    LOAD_BALANCERS = "load-balancers"
    DATABASE_RESTART = "database-restart"
    REMOVALS = "removals"
    MANY = "many"


@dataclass(frozen=True, slots=True)
class HostPlan:
    """What one host needs; `trouble` when it could not be read, and then nothing else.

    `is_new`: never applied before, so that nothing there can be broken.
    """

    host: Host
    changes: tuple[Change, ...] = ()
    trouble: str = ""
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The plans of all hosts, in the order of the inventory."""

    fleet: Fleet
    hosts: tuple[HostPlan, ...]

    @property
    def is_empty(self) -> bool:
        """Nothing to do on any host that could be read."""
        return not any(host.changes for host in self.hosts)

    @property
    def troubles(self) -> tuple[str, ...]:
        """Return why hosts could not be read."""
        return tuple(host.trouble for host in self.hosts if host.trouble)

    def digest(self) -> str:
        """Return 12 hexadecimal digits that another plan has only if it does the very same."""
        total = hashlib.sha256()
        for host in self.hosts:
            total.update(host.host.name.encode())
            for change in host.changes:
                total.update(change.fingerprint().encode())
        return total.hexdigest()[:12]

    def brakes(self) -> dict[Brake, str]:
        """Return the brakes that this plan would need released, each with the reason."""
        if self.fleet.lab:
            return {}
        old = [host for host in self.hosts if host.changes and not host.is_new]
        reasons = {
            Brake.LOAD_BALANCERS: _load_balancers(old),
            Brake.DATABASE_RESTART: _database_restarts(old),
            Brake.REMOVALS: _removals(old),
            Brake.MANY: _many(self.fleet, old),
        }
        return {brake: reason for brake, reason in reasons.items() if reason}


def _load_balancers(hosts: Iterable[HostPlan]) -> str:
    names = [each.host.name for each in hosts if each.host.role == Role.LOAD_BALANCER]
    return f"{', '.join(names)} at once" if len(names) > 1 else ""


def _database_restarts(hosts: Iterable[HostPlan]) -> str:
    found = [
        f"{change.verb} {change.key} on {each.host.name}"
        for each in hosts
        for change in each.changes
        if change.key.startswith("unit postgresql") and change.verb in (Verb.RESTART, Verb.STOP)
    ]
    return "; ".join(found)


def _removals(hosts: Iterable[HostPlan]) -> str:
    found = [
        f"{change.verb} {change.key} on {each.host.name}"
        for each in hosts
        for change in each.changes
        if change.verb in (Verb.REMOVE, Verb.PURGE)
    ]
    return "; ".join(found)


def _many(fleet: Fleet, hosts: Iterable[HostPlan]) -> str:
    reasons = []
    touched = list(hosts)
    for role in Role:
        total = len(fleet.of_role(role))
        count = sum(each.host.role == role for each in touched)
        # One host is the least that can be changed, however few there are.
        if count > max(1, MANY * total):
            reasons.append(f"{count} of {total} hosts with the role {role}")
    return "; ".join(reasons)
