"""After a restore the drains have stopped: this is where they are told that it is their database.

Each application server says what its journals have for it, and what they do not have any
more (`manage.py adopt_database`). What they have is applied again, each ping once.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ops.databases.node import Node
from ops.deploy.checking import manage
from ops.deploy.desk import Desk, at_once
from ops.deploy.journals import MANAGE_SECONDS, backlogs, release_to_ask
from ops.deploy.standing import standing_of
from ops.errors import ChangeFailed, HostError, Refused
from provisioning.fleet import Host, Role

DRAIN_SECONDS = 120.0
MOST_FRESH = 500  # pings: so many may come in while they are counted
PAUSE_SECONDS = 2.0
HOW_ON = "docs/runbooks/journal.md says how to go on."


@dataclass(frozen=True, slots=True)
class Outlook:
    """What becomes of one journal; see app/pings/adopting. `gone` None: nobody has counted."""

    journal: str
    pings: int
    gone: int | None
    since: str
    trouble: str
    starts_anew: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What one application server says. `known`: the system that it has drained into, if any."""

    server: str
    release: str
    system: int
    timeline: int
    known: int | None
    known_timeline: int | None
    journals: tuple[Outlook, ...]

    @property
    def has_to_adopt(self) -> bool:
        """Tell whether its drain would stop, or has stopped, at this database."""
        is_older = self.known_timeline is not None and self.known_timeline > self.timeline
        return self.known != self.system or is_older or any(map(_is_anew, self.journals))


def looked(desk: Desk) -> list[Found]:
    """Ask all application servers at once, read-only. Refused when one cannot say."""

    def one(server: Host) -> Found | str:
        try:
            return _asked(desk, server, [])
        except HostError as error:
            return reason(error)

    with desk.telling.step("look", "all"):
        found = at_once(one, desk.hosts(Role.APP_SERVER))
    if silent := [said for said in found if isinstance(said, str)]:
        reasons = "\n".join(silent)
        raise Refused(
            f"{reasons}\nMend it, or leave that server out (--without), and adopt there later: its "
            "pings wait on its disk."
        )
    return [each for each in found if isinstance(each, Found)]


def why_not(found: Sequence[Found], primary: Node | None) -> str:
    """Return why nothing may be adopted; "" when it may. Pure."""
    if primary is None or primary.control is None:
        return "No host, or more than one, takes writes: fab db.status. Restore or fence first."
    system = primary.control.system_identifier
    strange = [f"{one.server} gets to {one.system}" for one in found if str(one.system) != system]
    if strange:
        return (
            f"{primary.name} is system {system}, and {', '.join(strange)}: not one database. "
            "Compare DATABASE_URL: fab plan."
        )
    return "" if found else "No application server takes part: there is no journal to drain."


def lines(found: Sequence[Found]) -> list[str]:
    """Return what each journal can bring, and what is gone. Pure."""
    return [line for one in found for line in _of_server(one)]


def _of_server(one: Found) -> Iterator[str]:
    before = "no database yet" if one.known is None else f"system {one.known}"
    if one.known_timeline is not None:
        before += f", timeline {one.known_timeline}"
    what = f"has drained into {before}" if one.has_to_adopt else "drains into this one already"
    yield f"  {one.server}  {what}"
    for each in one.journals:
        yield f"  {one.server}  journal {each.journal}: {_of_journal(each)}"


def _of_journal(one: Outlook) -> str:
    if one.trouble:
        return f"cannot be drained, adopted or not: {one.trouble.rstrip('.')}. {HOW_ON}"
    since = f" (of those since {one.since})" if one.since and one.gone != 0 else ""
    if one.gone == 0:
        gone = "none is gone"
    elif one.gone is None:
        gone = f"an unknown number is gone{since}"
    else:
        gone = f"at most {one.gone} are gone{since}"
    where = ", from the oldest that is kept" if one.starts_anew else ""
    return f"{one.pings} can be applied again{where}; {gone}"


def consequence(found: Sequence[Found], primary: Node) -> str:
    """Return in a sentence or two what it means to go on. Pure."""
    journals = [each for one in found for each in one.journals if not each.trouble]
    pings = sum(each.pings for each in journals)
    known = sum(each.gone or 0 for each in journals)
    unknown = any(each.gone is None for each in journals)
    lost = f"at most {known} are gone for good" if known else "none is gone"
    if unknown:
        lost = f"more than {known} may be gone: not all were counted"
    return (
        f"ADOPT {primary.name}.  {pings} pings of the journals are applied to its database, each "
        f"once; {lost}. What they were drained into before is given up."
    )


def adopt(desk: Desk, found: Sequence[Found]) -> None:
    """Let the drains go on, one server after the other: cut off, the same command goes on."""
    for one in found:
        if not one.has_to_adopt:
            continue
        server = desk.fleet.host(one.server)
        desk.stopping.check()
        with desk.telling.step("adopt", one.server) as step:
            desk.did(server, f"adopt the database with system identifier {one.system}")
            _asked(desk, server, ["--confirm", str(one.system)])
            step.words = f"drains into system {one.system} from now on"


def drained(desk: Desk, found: Sequence[Found], seconds: float = DRAIN_SECONDS) -> dict[str, str]:
    """Follow the drains for a while; return what is left at each server, "" for nothing."""
    by_name = {one.server: one for one in found}
    hosts = [desk.fleet.host(name) for name in by_name]
    with desk.telling.step("drain", "all") as step:
        said = at_once(lambda host: _drained(desk, by_name[host.name], seconds), hosts)
        step.words = "" if any(said) else "all that they have kept is in the database"
    return dict(zip(by_name, said, strict=True))


def _drained(desk: Desk, one: Found, seconds: float) -> str:
    """Return "" when all is in the database but what has just come, else what is left and why."""
    server, deadline = desk.fleet.host(one.server), time.monotonic() + seconds
    before = 0
    while True:
        try:
            left = backlogs(desk, server, one.release)
        except ChangeFailed as error:
            said = reason(error)
        else:
            pings = sum(each.pings for each in left)
            is_through = not pings or pings < min(before, MOST_FRESH)
            stuck = [str(each) for each in left if each.trouble]
            said = "; ".join(stuck) or ("" if is_through else f"{pings} pings are left")
            before = pings
        if not said or time.monotonic() > deadline:
            return said
        desk.telling.progress(f"  {one.server}  {said} ...")
        desk.stopping.pause(PAUSE_SECONDS)


def reason(error: Exception) -> str:
    """Return the first line of an error and its last one: between is what Python met. Pure."""
    first, *others = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    return f"{first} {others[-1]}" if others else first


def _is_anew(one: Outlook) -> bool:
    return one.starts_anew and not one.trouble


def _asked(desk: Desk, server: Host, words: list[str]) -> Found:
    release = release_to_ask(standing_of(desk.of(server)))
    if not release:
        raise ChangeFailed(f"{server.name}: has no release that could be asked. fab deploy.")
    said = manage(desk, server, release, ["adopt_database", *words, "--json"], MANAGE_SECONDS)
    try:
        return understood(server.name, release, json.loads(said.splitlines()[-1]))
    except (ValueError, IndexError, KeyError, TypeError):
        words_said = said[-200:]
        raise ChangeFailed(
            f"{server.name}: manage.py adopt_database says {words_said!r}."
        ) from None


def understood(server: str, release: str, said: Mapping[str, object]) -> Found:
    """Return the values of an answer. KeyError or TypeError for one of another shape."""
    known, known_timeline, journals = said["known"], said.get("known_timeline"), said["journals"]
    if not isinstance(journals, list):
        raise TypeError
    return Found(
        server,
        release,
        int(str(said["system"])),
        int(str(said["timeline"])),
        None if known is None else int(str(known)),
        None if known_timeline is None else int(str(known_timeline)),
        tuple(Outlook(**each) for each in journals),
    )
