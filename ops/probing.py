"""Every door of a fleet is tried from everywhere: this is where hosts are sent to knock."""

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ops.agent import probing as agent
from ops.errors import HostError
from ops.net import (
    OPERATOR,
    Answer,
    Door,
    Family,
    Finding,
    Unused,
    Wrong,
    address_of,
    blind_families,
    doors,
    findings,
    ports_to_probe,
    without_listener,
    wrong_doors,
)
from ops.reading import LOOK_SECONDS, MOST_AT_ONCE, Sessions
from provisioning.fleet import Fleet, Host

KNOCK_SECONDS = 1.5  # the kernel sends a lost SYN again after 1 s
ATTEMPTS = 2
# What would be reported as closed is tried once more: it has to be sure.
ATTEMPTS_WHEN_IN_DOUBT = 3


@dataclass(frozen=True, slots=True)
class Report:
    """What was seen. `troubles` are hosts that could not be asked: nothing is said of them."""

    findings: tuple[Finding, ...]
    unused: tuple[Unused, ...]
    blind: tuple[Family, ...]  # by these nobody answered the operator's machine
    troubles: tuple[str, ...]
    doors: int
    from_here: bool  # False: the operator's machine is a host of the fleet

    @property
    def is_exact(self) -> bool:
        """Return whether everything was seen, and is as the catalogue says."""
        return not self.findings and not self.troubles


def verify(fleet: Fleet, sessions: Sessions, is_done: Callable[[], None]) -> Report:
    """Ask every host for its doors, then try each from every other host and from here."""
    from_here = not _is_host(fleet)
    troubles: dict[str, str] = {}
    with ThreadPoolExecutor(MOST_AT_ONCE + 1) as pool:
        ports = _ports(fleet, sessions, pool, troubles)
        wanted = [door for door in doors(ports) if from_here or door.source != OPERATOR]
        answers = _knock(fleet, sessions, pool, wanted, ATTEMPTS, troubles, is_done)
        doubtful = [
            door
            for door, wrong in wrong_doors(fleet, answers).items()
            if wrong is Wrong.CLOSED and door.target not in troubles
        ]
        answers |= _knock(fleet, sessions, pool, doubtful, ATTEMPTS_WHEN_IN_DOUBT, troubles)
    blind = blind_families(answers)
    seen = {
        door: answer
        for door, answer in answers.items()
        if door.target not in troubles and (door.source != OPERATOR or door.family not in blind)
    }
    return Report(
        findings(fleet, seen),
        without_listener(fleet, seen),
        blind,
        tuple(troubles.values()),
        len(seen),
        from_here,
    )


def _ports(
    fleet: Fleet, sessions: Sessions, pool: ThreadPoolExecutor, troubles: dict[str, str]
) -> dict[str, tuple[int, ...]]:
    """Return the ports to try of each host that answers."""

    def one(host: Host) -> tuple[int, ...]:
        try:
            told = sessions.of(host).ask("doors", answer_seconds=LOOK_SECONDS)
        except HostError as error:
            troubles[host.name] = str(error)
            return ()
        return ports_to_probe(told["rules"], told["listening"])

    found = zip(fleet.hosts, pool.map(one, fleet.hosts), strict=True)
    return {host.name: ports for host, ports in found if host.name not in troubles}


def _knock(
    fleet: Fleet,
    sessions: Sessions,
    pool: ThreadPoolExecutor,
    wanted: Iterable[Door],
    attempts: int,
    troubles: dict[str, str],
    is_done: Callable[[], None] = lambda: None,
) -> dict[Door, Answer]:
    """Return what the doors said, all sources at once; a source that is lost is a trouble."""
    by_source: dict[str, list[Door]] = {}
    for door in wanted:
        by_source.setdefault(door.source, []).append(door)

    def one(source: str) -> Mapping[Door, Answer]:
        some = by_source[source]
        targets = [(address_of(fleet.host(door.target), door.family), door.port) for door in some]
        try:
            said = _answers(fleet, sessions, source, targets, attempts)
        except HostError as error:
            troubles[source] = str(error)
            return {}
        finally:
            is_done()
        return dict(zip(some, map(Answer, said), strict=True))

    found: dict[Door, Answer] = {}
    for some in pool.map(one, by_source):
        found |= some
    return found


def _answers(
    fleet: Fleet,
    sessions: Sessions,
    source: str,
    targets: Sequence[tuple[str, int]],
    attempts: int,
) -> list[str]:
    if source == OPERATOR:
        return agent.probe(list(targets), KNOCK_SECONDS, attempts)["answers"]
    waves = len(targets) // agent.MOST_AT_ONCE + 1
    answer = sessions.of(fleet.host(source)).ask(
        "probe",
        answer_seconds=LOOK_SECONDS + round(waves * attempts * KNOCK_SECONDS),
        doors=targets,
        seconds=KNOCK_SECONDS,
        attempts=attempts,
    )
    return list(answer["answers"])


def _is_host(fleet: Fleet) -> bool:
    """Return whether this machine has an address of the fleet's: then it is no outsider."""
    ours = {address for host in fleet.hosts for address in (host.address, host.address6)}
    return any(_own_address(address) in ours for address in ours)


def _own_address(towards: str) -> str:
    """Return the address by which this machine would go there, "" without a way. Sends nothing."""
    family = socket.AF_INET6 if ":" in towards else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as line:
        try:
            line.connect((towards, 9))
        except OSError:
            return ""
        return str(line.getsockname()[0])
