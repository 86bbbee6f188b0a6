"""What a server has taken and the database does not have: this is where it is asked and waited for.

The product counts: manage.py backlog on the server itself, and retire_server anywhere.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ops.deploy.checking import manage
from ops.deploy.desk import Desk
from ops.deploy.standing import Standing, standing_of
from ops.errors import ChangeFailed, HostError, Refused
from provisioning.fleet import Host, Role

MANAGE_SECONDS = 90
EMPTY_SECONDS = 120.0
PAUSE_SECONDS = 1.0
HOW_ON = "docs/runbooks/journal.md says how to go on."


@dataclass(frozen=True, slots=True)
class Backlog:
    """A journal of a server; see app/pings/backlog."""

    journal: str
    pings: int
    size_bytes: int
    aside: int
    trouble: str

    def __str__(self) -> str:
        count = "1 ping" if self.pings == 1 else f"{self.pings} pings"
        words = f"journal {self.journal}: {count} left, {self.size_bytes} bytes"
        return f"{words}: {self.trouble}" if self.trouble else words


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the database knows of a receiver; see app/pings/retiring."""

    slot: int
    applied_before: datetime | None
    is_retired: bool


def release_to_ask(one: Standing) -> str:
    """Return a release to ask, the current one or one that is kept; "" when there is none."""
    kept = [each.id for each in sorted(one.on.releases, key=lambda each: each.arrived)]
    return one.on.current or one.on.previous or (kept[-1] if kept else "")


def backlogs(desk: Desk, server: Host, release: str) -> list[Backlog]:
    """Return the server's journals. ChangeFailed when the product cannot say."""
    return [Backlog(**one) for one in _json(desk, server, release, ["backlog", "--json"])]


def wait_until_applied(
    desk: Desk, server: Host, release: str, seconds: float = EMPTY_SECONDS
) -> str:
    """Wait until all pings are in the database; ChangeFailed says what is left."""
    deadline = time.monotonic() + seconds
    while True:
        left, said = _left(desk, server, release)
        if not left and not said:
            return "all of its pings are in the database"
        if stuck := [one for one in left if one.trouble]:
            raise ChangeFailed(f"{server.name}: {_named(stuck)} {HOW_ON}")
        if time.monotonic() > deadline:
            raise ChangeFailed(
                f"{server.name}: not in the database after {seconds:.0f} s: "
                f"{said or _named(left)}. Its drain goes on; do this again when that is mended."
            )
        desk.telling.progress(f"  {server.name}  {said or _named(left)} ...")
        desk.stopping.pause(PAUSE_SECONDS)


def _left(desk: Desk, server: Host, release: str) -> tuple[list[Backlog], str]:
    """Return the journals that are not empty; or why that cannot be said at the moment."""
    try:
        found = backlogs(desk, server, release)
    except ChangeFailed as error:
        return [], str(error)
    return [one for one in found if one.pings or one.trouble], ""


def _named(some: Sequence[Backlog]) -> str:
    return "; ".join(map(str, some))


def receivers(desk: Desk, through: Host, release: str, server: str) -> list[Receiver]:
    """Return what the database knows of a server's receivers."""
    return _receivers(desk, through, release, [server, "--check"])


def retire(desk: Desk, through: Host, release: str, server: str) -> list[Receiver]:
    """Let no alert wait for the server. ChangeFailed while it speaks. Twice is once."""
    desk.did(through, f"retire the receivers of {server}")
    return _receivers(desk, through, release, [server])


def _receivers(desk: Desk, through: Host, release: str, words: list[str]) -> list[Receiver]:
    said = _json(desk, through, release, ["retire_server", *words, "--json"])
    return [
        Receiver(
            one["slot"],
            datetime.fromisoformat(one["applied_before"]) if one["applied_before"] else None,
            one["is_retired"],
        )
        for one in said
    ]


def _json(desk: Desk, server: Host, release: str, words: list[str]) -> list[dict[str, Any]]:
    said = manage(desk, server, release, words, MANAGE_SECONDS)
    try:
        found: list[dict[str, Any]] = json.loads(said.splitlines()[-1])
    except (ValueError, IndexError):
        raise ChangeFailed(f"{server.name}: manage.py {words[0]} says {said[-200:]!r}.") from None
    return found


def another(desk: Desk, server: Host) -> tuple[Host, str]:
    """Return another application server that answers, and its release. Refused without one."""
    for host in desk.hosts(Role.APP_SERVER):
        if host == server:
            continue
        try:
            one = standing_of(desk.of(host))
        except HostError:
            continue
        if one.on.current:
            return host, one.on.current
    raise Refused(f"No other application server answers: nobody can be asked about {server.name}.")
