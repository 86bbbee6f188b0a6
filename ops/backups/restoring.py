"""A backup becomes the database again: this is where its parts are brought together.

    open      the observer reads the bucket, and makes a parcel: addresses, and what is locked
    unlock    here: the operator's private key opens it; the key itself goes nowhere
    restore   the primary fetches, decrypts and restores beside, counts, and only then renames

Until the last step nothing that is there is touched, and what is replaced is kept by another name.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ops.backups.listed import Backup, Listed, ago
from ops.backups.running import OPEN_SECONDS, Job, answered, ran
from ops.backups.unlocking import unlocked
from ops.databases.judging import sized, the_primary
from ops.databases.node import Node
from ops.deploy.desk import Desk
from ops.errors import ChangeFailed, Refused
from provisioning.backups import KEEPER, WRITER
from provisioning.dsn import DATABASE
from provisioning.fleet import Host

LATEST = "latest"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to restore: a backup ("" for the newest that came back), or a moment.

    `at` is "" for none, "latest" for the end of the WAL, else ISO 8601 in UTC.
    `is_replacing`: there are tables already, and the backup is to take their place.
    """

    backup: str = ""
    at: str = ""
    is_replacing: bool = False


@dataclass(frozen=True, slots=True)
class Opened:
    """A backup, the parcel that the observer has made of it, and how long that took."""

    backup: Backup
    parcel: str = field(repr=False)
    seconds: float = 0.0


def moment(text: str, now: datetime) -> str:
    """Return the time of an --at as the program wants it. Refused without a zone, or in future."""
    if text in ("", LATEST):
        return text
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"--at {text}: say it as 2026-11-22T01:30:00Z, or latest.") from None
    if at.tzinfo is None:
        raise Refused(f"--at {text} has no time zone: 2026-11-22T01:30:00Z is UTC.")
    if at >= now:
        raise Refused(f"--at {text} is not over yet; here it is {now:%Y-%m-%dT%H:%M:%SZ}.")
    return at.astimezone(UTC).isoformat()


def chosen(known: Listed, wanted: Wanted) -> Backup:
    """Return the backup that is meant, by its name or as the newest dump that came back.

    Refused when there is none, or it is of no use. Pure.
    """
    if wanted.backup:
        found = {one.id: one for one in known.backups}.get(wanted.backup)
        if found is None:
            raise Refused(f"There is no backup {wanted.backup}. fab backup.list shows them.")
        if found.trouble:
            raise Refused(f"{found.id}: {found.trouble.rstrip('.')}. Take another one.")
        return found
    usable = [one for one in known.backups if one.kind == "dump" and not one.trouble]
    if found := max((one for one in usable if one.is_verified), key=_begun, default=None):
        return found
    if usable:
        raise Refused(
            f"None of the {len(usable)} dumps has come back yet. Name the one to take by --backup; "
            f"{max(usable, key=_begun).id} is the newest."
        )
    raise Refused("There is no dump that is of use. fab backup.list shows what there is.")


def in_parcel(known: Listed, name: str) -> Backup:
    """Return the backup that was opened. Refused when it is newer than the list. Pure.

    A gap in the WAL behind a base is no reason to refuse it: the moment may be before the gap.
    """
    for one in known.backups:
        if one.id == name:
            return one
    raise Refused(f"{name} has come since the backups were listed: do this again.")


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
    until = f", as of {'the end of its WAL' if wanted.at == LATEST else wanted.at}"
    until = until if wanted.at else ""
    tried = "" if one.verified_at else "  NO DRILL HAS RESTORED IT YET."
    tried += f"  Of it is said: {one.trouble.rstrip('.')}." if one.trouble else ""
    there = (
        f"  What {DATABASE} holds there now is kept beside it, by another name."
        if wanted.is_replacing
        else "  It is refused when there are tables already."
    )
    return f"RESTORE {DATABASE} ON {name} from {what}{until}.{tried}{there}"


def opened(desk: Desk, observer: Host, known: Listed, wanted: Wanted) -> Opened:
    """Have the observer make a parcel of what is meant; for a moment it looks for the base.

    Refused, ChangeFailed. Nothing is changed, and there is no key in it yet.
    """
    named = wanted.backup if wanted.at else chosen(known, wanted).id
    words = ["open", *(["--backup", named] if named else [])]
    words += ["--at", wanted.at] if wanted.at else []
    begin = time.monotonic()
    with desk.telling.step("open", observer.name) as step:
        parcel = answered(desk, observer, KEEPER, words, OPEN_SECONDS)
        try:
            named = str(json.loads(parcel)["manifest"]["id"])
        except (ValueError, KeyError, TypeError):
            raise ChangeFailed(f"{observer.name}: backups open says no parcel.") from None
        step.words = named
    return Opened(in_parcel(known, named), parcel, time.monotonic() - begin)


def restore(desk: Desk, primary: Host, found: Opened, wanted: Wanted) -> dict[str, Any]:
    """Do it; return what the program says, with the seconds of all parts."""
    begin = time.monotonic()
    words = "unlock: your key may want its passphrase, or a touch"
    desk.telling.say(f"  {'here':<{desk.telling.width}}  {words}")
    parcel = unlocked(desk.fleet, found.parcel)
    seconds = {"open": found.seconds, "unlock": time.monotonic() - begin}
    desk.stopping.check()
    begin = time.monotonic()
    with desk.telling.step("restore", primary.name) as step:
        said = ran(desk, primary, Job(_restore(wanted), WRITER, given=parcel))
        step.words = str(said.get("backup", found.backup.id))
    parts = {name: float(value) for name, value in dict(said.get("seconds") or {}).items()}
    seconds |= parts
    seconds["between"] = max(time.monotonic() - begin - sum(parts.values()), 0.0)
    return said | {"seconds": {name: round(value, 3) for name, value in seconds.items()}}


def _restore(wanted: Wanted) -> tuple[str, ...]:
    at = ("--at", wanted.at) if wanted.at else ()
    replace = ("--replace", DATABASE) if wanted.is_replacing else ()
    return ("restore", "--parcel", "-", "--json", *at, *replace)
