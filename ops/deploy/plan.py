"""What a deploy will do, and why it may not: pure, from what hosts and balancers say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ops.deploy.balancers import Seen, disagreement, unknown_to
from ops.deploy.standing import Standing
from ops.lab.report import aligned
from provisioning.fleet import Fleet, Role

_TITLE = ("HOST", "ROLE", "NOW", "SINCE", "BY", "AFTERWARDS")
# The others first: their timers take the release at the next run, nothing is restarted.
ORDER = (Role.DATABASE, Role.OBSERVER, Role.APP_SERVER)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which hosts get a release, and from where they come; balancers have none."""

    release_id: str
    standings: tuple[Standing, ...]

    @property
    def work(self) -> tuple[Standing, ...]:
        """Return the hosts that are not at the release yet."""
        return tuple(one for one in self.standings if not one.is_at(self.release_id))

    def lines(self) -> list[str]:
        """Return a table: what is where, and what it will be."""
        rows = [
            (
                one.host.name,
                one.host.role.value,
                _now(one),
                f"{one.on.since:%Y-%m-%d %H:%M}" if one.on.since else "-",
                one.on.by or "-",
                "as it is" if one.is_at(self.release_id) else self._afterwards(one),
            )
            for one in self.standings
        ]
        return aligned([_TITLE, *rows])

    def _afterwards(self, one: Standing) -> str:
        if not one.serves:
            return f"{self.release_id}, at once"
        words = ", drained first" if one.on.current else ""
        finished = ", what was cut off is finished" if one.mark else ""
        return f"{self.release_id}{words}{finished}"


def _now(one: Standing) -> str:
    if not one.on.current:
        return "none"
    mixed = one.serves and one.running != {one.on.current}
    return f"{one.on.current} (not running)" if mixed else one.on.current


def made_plan(release_id: str, standings: Mapping[str, Standing]) -> Plan:
    """Return the plan, its hosts in the order in which they are done."""
    some = standings.values()
    return Plan(
        release_id,
        tuple(one for role in ORDER for one in some if one.host.role is role),
    )


def reasons_against(
    fleet: Fleet, without: frozenset[str], found: Mapping[str, Standing | str], seen: Seen | str
) -> list[str]:
    """Return why nothing may be begun; empty when all is well."""
    return list(_reasons(fleet, without, found, seen))


def _reasons(
    fleet: Fleet, without: frozenset[str], found: Mapping[str, Standing | str], seen: Seen | str
) -> Iterator[str]:
    for name, one in found.items():
        if isinstance(one, str):
            yield f"{one} Mend it, or leave it out: --without {name}."
        elif not one.applied:
            yield f"{name}: was never applied. fab apply comes first."
    standing = [one for one in found.values() if isinstance(one, Standing)]
    for role, words in (
        (Role.LOAD_BALANCER, "load balancer"),
        (Role.APP_SERVER, "application server"),
    ):
        if not any(host.role is role and host.name not in without for host in fleet.hosts):
            yield f"No {words} is left to work with."
    databases = [one for one in standing if one.host.role is Role.DATABASE]
    writable = [one.host.name for one in databases if one.database == "writable"]
    if len(writable) != 1:
        named = ", ".join(f"{one.host.name} {one.database}" for one in databases) or "none answers"
        yield f"Exactly one database has to be writable; there is: {named}."
    if isinstance(seen, str):
        yield seen
    else:
        servers = [host for host in fleet.of_role(Role.APP_SERVER) if host.name not in without]
        yield from unknown_to(seen, servers)
        for one in standing:
            # One that has a mark was cut off while balancers were told; that is finished.
            if one.serves and not one.mark and (words := disagreement(seen, one.host)):
                yield f"{one.host.name}: {words}"
