"""May the cluster of this host start? systemd asks before each start; exit 0 is yes.

    python3 -m provisioning.programs.start_guard 17/main
    python3 -m provisioning.programs.start_guard 17/main --ask     and nothing comes of it

A multi-host DSN hands new connections to any server that takes writes. So a primary
starts only when nobody else can be one: its role marker says so, and every other
database host was heard. Decision 24 has the reasons; the rule is `decide`.
"""

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from provisioning.programs import database_peers
from provisioning.programs.database_peers import Answer

NAME = "main"  # the fleet's cluster; any other is somebody's own
PRIMARY = "primary"
PERMISSION_AGE = timedelta(minutes=15)  # the guard asks every 10 s: an older one was forgotten
LOOK_SECONDS = 30
MARKER = Path("/var/lib/stillhere/database-role.json")
PERMISSION = Path("/var/lib/stillhere/peer-is-dead.json")


@dataclass(frozen=True, slots=True)
class Places:
    """Where the guard reads and writes."""

    data: Path
    marker: Path = MARKER
    permission: Path = PERMISSION
    said: Path = Path("/run/stillhere-guard.json")
    peers: Path = database_peers.PEERS
    passwords: Path = database_peers.PASSWORDS
    own_name: str = socket.gethostname()


@dataclass(frozen=True, slots=True)
class Own:
    """What this host's files say. `timeline` 0: it cannot be read.

    `is_alone`: an operator, or an apply that has read all hosts, vouches for those that
    do not answer.
    """

    is_standby: bool
    role: str
    system_identifier: str
    timeline: int
    is_alone: bool = False
    name: str = "HOST"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it may start, and the sentence for who wants to know why."""

    may_start: bool
    why: str


def decide(own: Own, answers: Sequence[Answer]) -> Decision:
    """Judge a start. `answers` has one for every other database host of the inventory.

    One that answers is believed whatever an operator says of it: a primary on our timeline
    or a newer one has the right, a standby on a newer one has followed one that had it, and
    of a primary of another cluster nobody knows.
    """
    if own.is_standby:
        return Decision(True, "a standby always starts")
    after, alone = (words.format(own.name) for words in (_AFTER, _ALONE))
    if own.role != PRIMARY:
        said = f"its role marker says {own.role}" if own.role else "it has no role marker"
        return Decision(False, f"no standby, and {said}. {_NO_PRIMARY.format(own.name)}")
    if not own.timeline:
        return Decision(False, "its own timeline cannot be read: is its disk there?")
    for one in answers:
        if one.is_primary and one.system_identifier != own.system_identifier:
            return Decision(False, f"{one.name} is the primary of another cluster. {after}")
        if one.is_primary and one.timeline >= own.timeline:
            words = f"{one.name} is primary on timeline {one.timeline}, this one was on"
            return Decision(False, f"{words} {own.timeline}. {after}")
        is_ours = one.system_identifier == own.system_identifier
        if one.is_primary is False and is_ours and one.timeline > own.timeline:
            words = f"{one.name} is a standby on timeline {one.timeline}, this one was on"
            return Decision(False, f"{words} {own.timeline}. {_LATER.format(one.name)}")
    silent = [f"{one.name} ({one.said})" for one in answers if one.is_primary is None]
    if silent and not own.is_alone:
        return Decision(False, f"no answer from {', '.join(silent)}. {alone}")
    heard = ", ".join(one.name for one in answers if one.is_primary is not None)
    rest = f"; not waited for: {', '.join(silent)}" if silent else ""
    return Decision(True, f"the primary; heard: {heard or 'nobody'}{rest}")


_NO_PRIMARY = "As a standby: fab db.rejoin {0}; as the primary: fab db.unfence {0}"
_AFTER = "It has to come back as a standby: fab db.rejoin {0}"
_LATER = (
    "Another one was promoted later, and this one lacks what that took: bring it back, or "
    "fab db.failover --to {0} --primary-lost"
)
_ALONE = (
    "It may have been promoted: asked again every 10 s. When it is dead and will never "
    "come back as it is: fab db.unfence {0} --peer-is-dead"
)


def judged(places: Places, now: datetime) -> Decision:
    """Read what the host's files say, ask the others as far as it matters, and decide."""
    system, timeline = _control(places.data)
    role = str(_json_of(places.marker).get("role", ""))
    is_standby = (places.data / "standby.signal").exists()
    own = Own(
        is_standby, role, system, timeline, _is_alone(places.permission, now), places.own_name
    )
    if own.is_standby or own.role != PRIMARY:
        return decide(own, ())
    try:
        peers = database_peers.peers_in(places.peers)
    except (OSError, ValueError) as error:
        return Decision(False, f"nobody says which other database hosts there are: {error}")
    answers = [database_peers.ask(one, places.own_name, places.passwords) for one in peers]
    return decide(own, answers)


def main(arguments: Sequence[str]) -> int:
    """Answer systemd, which keeps the words in the journal."""
    cluster, *options = arguments
    version, _, name = cluster.partition("/")
    if name != NAME:
        return 0
    places, now = Places(_data_directory(version)), datetime.now(UTC)
    if "--ask" not in options:
        return 0 if guarded(places, now).may_start else 1
    decision = judged(places, now)
    print(decision.why, file=sys.stderr)
    return 0 if decision.may_start else 1


def guarded(places: Places, now: datetime) -> Decision:
    """Decide, say so, and use the permission up: it was for one start, needed or not."""
    decision = judged(places, now)
    word = "start" if decision.may_start else "refuse"
    _keep(places.said, {"at": _seconds(now), "decision": word, "why": decision.why})
    print(f"guard: {word}: {decision.why}", file=sys.stderr)
    if decision.may_start:
        _use_up(places.permission)
    return decision


def _data_directory(version: str) -> Path:
    settings = Path(f"/etc/postgresql/{version}/{NAME}/postgresql.conf")
    pattern = r"^\s*data_directory\s*=?\s*'([^']+)'"
    own: list[str] = []
    with contextlib.suppress(FileNotFoundError):
        own = re.findall(pattern, settings.read_text("utf-8", "replace"), re.MULTILINE)
    return Path(own[-1] if own else f"/var/lib/postgresql/{version}/{NAME}")


def _control(data: Path) -> tuple[str, int]:
    """Return system identifier and timeline of a stopped cluster, ("", 0) when unreadable.

    Until its first checkpoint a promoted cluster has its new timeline only in the second
    of the two places.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        version = (data / "PG_VERSION").read_text("utf-8").strip()
        asked = [database_peers.program("pg_controldata", version), "-D", str(data)]
        done = subprocess.run(
            asked, capture_output=True, text=True, timeout=LOOK_SECONDS, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        return "", 0
    parts = (line.partition(":") for line in done.stdout.splitlines())
    values = {name.strip(): value.strip() for name, _, value in parts}
    timelines = (
        values.get("Latest checkpoint's TimeLineID", "0"),
        values.get("Min recovery ending loc's timeline", "0"),
    )
    return values.get("Database system identifier", ""), max(map(int, timelines))


def _is_alone(permission: Path, now: datetime) -> bool:
    """Tell whether somebody said so a short while ago; a forgotten word is worth nothing."""
    try:
        since = datetime.fromisoformat(_json_of(permission)["since"])
        return timedelta() <= now - since <= PERMISSION_AGE
    except (KeyError, TypeError, ValueError):
        return False


def _json_of(path: Path) -> dict[str, Any]:
    """Return the object in a file; {} without one, or for garbage."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _use_up(permission: Path) -> None:
    """Take the permission away, to the disk."""
    with contextlib.suppress(FileNotFoundError):
        permission.unlink()
        folder = os.open(permission.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _keep(path: Path, content: dict[str, str]) -> None:
    """Keep it for operators; a full disk is no reason to keep a database down."""
    beside = path.with_name(f"{path.name}.new")
    with contextlib.suppress(OSError):
        beside.write_text(json.dumps(content) + "\n", "utf-8")
        beside.replace(path)


def _seconds(now: datetime) -> str:
    return now.isoformat(timespec="seconds")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
