"""Is exactly that open which the catalogue declares? The comparison, pure.

A door is a port of a host as one source sees it, by one family of addresses.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from provisioning.fleet import Fleet, Host
from provisioning.flows import SERVICES, is_open

# As a source: whoever runs this. Their machine is nobody of the fleet, so that only what
# is open to operators and to the world may be open to it.
OPERATOR = "operator"
MOST_OF_A_RANGE = 16  # of a longer range of ports its ends are looked at


class Family(StrEnum):
    """Of addresses."""

    IPV4 = "IPv4"
    IPV6 = "IPv6"


class Answer(StrEnum):
    """What a door said; the words are the agent's (ops/agent/probing.py)."""

    OPEN = "open"
    REFUSED = "refused"  # a reset: the firewall let it through, and nobody listens
    SILENT = "silent"
    PROHIBITED = "prohibited"

    @property
    def is_open(self) -> bool:
        """Return whether the firewall lets one through."""
        return self in (Answer.OPEN, Answer.REFUSED)


class Wrong(StrEnum):
    """How a door can be wrong."""

    CLOSED = "closed that should be open"
    OPEN = "open that should be closed"


@dataclass(frozen=True, slots=True, order=True)
class Door:
    """One port of `target` as `source` (a host's name, or OPERATOR) sees it."""

    source: str
    target: str
    port: int
    family: Family


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """A line of the report: doors that are wrong in the same way, of one or both families."""

    wrong: Wrong
    source: str
    target: str
    port: int
    families: tuple[Family, ...]
    answers: tuple[Answer, ...]

    @property
    def service(self) -> str:
        """Return the catalogue's name of the port; "" when it has none."""
        return service_of(self.port)


@dataclass(frozen=True, slots=True)
class Unused:
    """A declared port that the firewalls of these hosts let through to nobody."""

    port: int
    families: tuple[Family, ...]
    hosts: tuple[str, ...]


def service_of(port: int) -> str:
    """Return the name of the catalogue's service on that port, "" when there is none."""
    return next((one.name for one in SERVICES if one.port == port), "")


def ports_to_probe(rules: Mapping[str, Any], listening: Iterable[int]) -> tuple[int, ...]:
    """Return the ports of a host that are worth a look: of the catalogue, the rules, listeners."""
    catalogue = {service.port for service in SERVICES}
    return tuple(sorted(catalogue | set(ports_in_rules(rules)) | set(listening)))


def ports_in_rules(rules: Mapping[str, Any]) -> Iterator[int]:
    """Yield every TCP port that a live rule names, as `nft -j list ruleset` tells them.

    Whatever it does then: a jump may end in an accept, and a port more costs nothing.
    """
    entries = rules.get("nftables", [])
    sets = {
        one["name"]: one.get("elem", [])
        for entry in entries
        for kind, one in entry.items()
        if kind in ("set", "map")
    }
    for entry in entries:
        for statement in entry.get("rule", {}).get("expr", []):
            match, vmap = statement.get("match"), statement.get("vmap")
            if match:
                yield from _ports(match["left"], match["right"], sets)
            elif vmap:
                yield from _ports(vmap["key"], vmap["data"], sets)


def _ports(left: Any, right: Any, sets: Mapping[str, Any]) -> Iterator[int]:
    """Yield the ports among the values that something is compared with."""
    parts = left["concat"] if isinstance(left, dict) and "concat" in left else [left]
    places = [place for place, part in enumerate(parts) if _is_port(part)]
    if not places:
        return
    for value in _values(right, sets):
        each = value["concat"] if isinstance(value, dict) and "concat" in value else [value]
        for place in places:
            yield from _port_numbers(each[place])


def _is_port(expression: Any) -> bool:
    payload = expression.get("payload", {}) if isinstance(expression, dict) else {}
    return payload.get("field") == "dport" and payload.get("protocol") in ("tcp", "th")


def _values(right: Any, sets: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the single values of what stands at the right of a comparison."""
    if isinstance(right, str) and right.startswith("@"):
        right = {"set": sets.get(right[1:], [])}
    if not isinstance(right, dict) or "set" not in right:
        yield right
        return
    for element in right["set"]:
        # Of a map, the key; of an element with a comment or a time, the value.
        value = element[0] if isinstance(element, list) else element
        yield value["elem"]["val"] if isinstance(value, dict) and "elem" in value else value


def _port_numbers(value: Any) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, dict) and "range" in value:
        first, last = value["range"]
        is_short = last - first < MOST_OF_A_RANGE
        yield from range(first, last + 1) if is_short else (first, last)


def doors(ports: Mapping[str, Iterable[int]]) -> tuple[Door, ...]:
    """Return all doors between the hosts that `ports` names, and from the operator to them."""
    return tuple(
        Door(source, target, port, family)
        for source in (OPERATOR, *ports)
        for target, some in ports.items()
        if source != target
        for port in some
        for family in Family
    )


def address_of(host: Host, family: Family) -> str:
    """Return the host's address of that family."""
    return host.address6 if family is Family.IPV6 else host.address


def should_be_open(fleet: Fleet, door: Door) -> bool:
    """Return what the catalogue says about a door."""
    source = None if door.source == OPERATOR else fleet.host(door.source)
    return is_open(fleet, source, fleet.host(door.target), door.port)


def wrong_doors(fleet: Fleet, answers: Mapping[Door, Answer]) -> dict[Door, Wrong]:
    """Return the doors that are not as the catalogue says."""
    found = {}
    for door, answer in answers.items():
        should = should_be_open(fleet, door)
        if should != answer.is_open:
            found[door] = Wrong.CLOSED if should else Wrong.OPEN
    return found


def findings(fleet: Fleet, answers: Mapping[Door, Answer]) -> tuple[Finding, ...]:
    """Return a line for each source, target and port that is wrong, whatever the family."""
    lines: dict[tuple[Wrong, str, str, int], list[Door]] = {}
    for door, wrong in wrong_doors(fleet, answers).items():
        lines.setdefault((wrong, door.source, door.target, door.port), []).append(door)
    return tuple(
        sorted(
            Finding(
                *line,
                families=tuple(sorted(door.family for door in some)),
                answers=tuple(sorted({answers[door] for door in some})),
            )
            for line, some in lines.items()
        )
    )


def without_listener(fleet: Fleet, answers: Mapping[Door, Answer]) -> tuple[Unused, ...]:
    """Return where what should be open is, and nobody listens: a note, no fault of the firewall."""
    families: dict[tuple[int, str], set[Family]] = {}
    for door, answer in answers.items():
        if answer is Answer.REFUSED and should_be_open(fleet, door):
            families.setdefault((door.port, door.target), set()).add(door.family)
    hosts: dict[tuple[int, tuple[Family, ...]], list[str]] = {}
    for (port, target), some in sorted(families.items()):
        hosts.setdefault((port, tuple(sorted(some))), []).append(target)
    return tuple(Unused(port, some, tuple(names)) for (port, some), names in hosts.items())


def blind_families(answers: Mapping[Door, Answer]) -> tuple[Family, ...]:
    """Return the families by which nobody at all answers the operator.

    It is likelier that their machine has no such line (many have no IPv6) than that
    every host is closed: what it did not see is then no finding.
    """
    seen = {door.family for door in answers if door.source == OPERATOR}
    met = {door.family for door in answers if door.source == OPERATOR and answers[door].is_open}
    return tuple(sorted(seen - met))
