"""A backup becomes the database again: this is where its parts are brought together.

    open      the observer reads the bucket, and makes a parcel: addresses, and what is locked
    unlock    here: the operator's private key opens it; the key itself goes nowhere
    restore   the primary fetches, decrypts and restores beside, counts, and only then renames

Until the last step nothing that is there is touched, and what is replaced is kept by another name.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ops.backups.listed import Backup, Listed, ago
from ops.backups.running import Job, answered, ran
from ops.backups.unlocking import unlocked
from ops.databases.judging import sized, the_primary
from ops.databases.node import Node
from ops.deploy.desk import Desk
from ops.errors import Refused
from provisioning.backups import KEEPER, WRITER
from provisioning.dsn import DATABASE
from provisioning.fleet import Host


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to restore: a backup ("" for the newest that came back), or a moment, UTC.

    `is_replacing`: there are tables already, and the backup is to take their place.
    """

    backup: str = ""
    at: datetime | None = None
    is_replacing: bool = False


def moment(text: str, now: datetime) -> datetime | None:
    """Return the time of an --at, None for "". Refused without a zone, and for the future."""
    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--at {text}: say it as 2026-11-22T01:30:00Z.") from None
    if at.tzinfo is None:
        raise Refused(f"--at {text} has no time zone: 2026-11-22T01:30:00Z is UTC.")
    if at >= now:
        raise Refused(f"--at {text} is not over yet; here it is {now:%Y-%m-%dT%H:%M:%SZ}.")
    return at.astimezone(UTC)


def chosen(known: Listed, wanted: Wanted) -> Backup:
    """Return the backup that is meant. Refused when there is none, or it is of no use. Pure."""
    if wanted.backup:
        found = {one.id: one for one in known.backups}.get(wanted.backup)
        if found is None:
            raise Refused(f"There is no backup {wanted.backup}. fab backup.list shows them.")
        if found.trouble:
            raise Refused(f"{found.id}: {found.trouble.rstrip('.')}. Take another one.")
        return found
    kind, before = ("base", wanted.at) if wanted.at else ("dump", known.asked_at)
    fit = [one for one in known.backups if one.kind == kind and one.started_at <= before]
    usable = [one for one in fit if not one.trouble]
    verified = [one for one in usable if one.is_verified]
    # A base that was never tried is better than none: WAL since an older one may have a gap.
    if found := max(verified or (usable if wanted.at else []), key=_begun, default=None):
        return found
    if usable:
        raise Refused(
            f"None of the {len(usable)} dumps has come back yet. Name the one to take by --backup; "
            f"{max(usable, key=_begun).id} is the newest."
        )
    raise Refused(f"There is no {kind} backup of before then. fab backup.list shows what there is.")


def _begun(one: Backup) -> datetime:
    return one.started_at


def target(nodes: Mapping[str, Node | str]) -> Node:
    """Return the host to restore on: the one that takes writes. Refused without. Pure."""
    primary = the_primary(nodes)
    if primary is None:
        raise Refused(
            "No host, or more than one, takes writes: fab db.status. fab apply makes one."
        )
    return primary


def consequence(name: str, one: Backup, known: Listed, wanted: Wanted) -> str:
    """Return in a sentence or two what will happen. Pure."""
    what = f"{one.id}, a {one.kind} of {ago(known.age(one))} ({sized(one.plain_bytes)} plain)"
    until = f", as it was at {wanted.at:%Y-%m-%d %H:%M:%S} UTC" if wanted.at else ""
    tried = "" if one.is_verified else "  NO DRILL HAS RESTORED IT YET."
    there = (
        f"  What {DATABASE} holds there now is kept beside it, by another name."
        if wanted.is_replacing
        else "  It is refused when there are tables already."
    )
    return f"RESTORE {DATABASE} ON {name} from {what}{until}.{tried}{there}"


def restore(
    desk: Desk, observer: Host, primary: Host, one: Backup, wanted: Wanted
) -> dict[str, Any]:
    """Do it; return what the program says, with the seconds of all parts."""
    seconds = dict[str, float]()
    begin = time.monotonic()
    with desk.telling.step("open", observer.name):
        parcel = answered(desk, observer, KEEPER, _open(one, wanted))
    seconds["open"] = time.monotonic() - begin
    begin = time.monotonic()
    desk.telling.say(
        f"  {'here':<{desk.telling.width}}  unlock: your token may want its PIN, or a touch"
    )
    parcel = unlocked(desk.fleet, parcel)
    seconds["unlock"] = time.monotonic() - begin
    desk.stopping.check()
    begin = time.monotonic()
    with desk.telling.step("restore", primary.name) as step:
        said = ran(desk, primary, Job(_restore(wanted), WRITER, given=parcel))
        step.words = one.id
    parts = {name: float(value) for name, value in dict(said.get("seconds") or {}).items()}
    seconds |= parts
    seconds["rest"] = max(time.monotonic() - begin - sum(parts.values()), 0.0)
    return said | {"seconds": {name: round(value, 3) for name, value in seconds.items()}}


def _open(one: Backup, wanted: Wanted) -> list[str]:
    at = ["--at", wanted.at.isoformat()] if wanted.at else []
    return ["open", "--backup", one.id, *at]


def _restore(wanted: Wanted) -> tuple[str, ...]:
    at = ("--at", wanted.at.isoformat()) if wanted.at else ()
    replace = ("--replace", DATABASE) if wanted.is_replacing else ()
    return ("restore", "--parcel", "-", "--json", *at, *replace)
