"""`fab backup.*`: take one now, see what there is, prove that it comes back, bring it back."""

import json as json_format
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.audit import Audit, operator
from ops.backups import drilling, restoring, taking
from ops.backups.listed import in_words, newest_as_json, table, troubles
from ops.backups.reading import listed_by, the_observer
from ops.confirming import named
from ops.console import Console
from ops.databases.reading import read_nodes
from ops.databases.summary import host_lines
from ops.deploy.desk import Desk
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import Refused
from ops.fleets import find_fleet
from ops.lab.report import aligned
from ops.reading import sessions_with
from ops.tasks.fleet import PENDING, speaking
from provisioning.fleet import Role

_FLEET = {
    "fleet": "Name of a fleet, or path of its inventory.",
    "json": "Print the result as JSON, for programs.",
}
_BACKUP = {"backup": "The backup's name, as fab backup.list shows it. None: the newest that fits."}
_ADOPT = (
    "Next: fab db.adopt, which lets the journals be drained into it (docs/runbooks/restore.md)."
)


@task(
    help=_FLEET | {"base": "A base backup, for points in time, and no dump."}, auto_shortflags=False
)
def now(_: Any, fleet: str = "", base: bool = False, json: bool = False) -> None:
    """Take a backup, on the standby if there is one. Exit 0 done, 1 not."""
    with _at_desk(fleet, "fab backup.now") as desk:
        if desk.fleet.backups is None:
            raise Refused(f"The fleet {desk.fleet.name} has no [backups]: docs/backups.md.")
        name = taking.who_takes(read_nodes(desk.sessions, desk.hosts(Role.DATABASE)))
        with desk.stopping.watched():
            said = taking.take(desk, name, is_base=base)
        _parts(desk, said)
        if json:
            desk.telling.data(json_format.dumps(said, indent=2))


@task(name="list", help=_FLEET, auto_shortflags=False)
def list_(_: Any, fleet: str = "", json: bool = False) -> None:
    """Show what the bucket has. Exit 0 when a recent one came back and all are good; else 1."""
    with _at_desk(fleet, "fab backup.list") as desk:
        found = listed_by(desk.sessions, the_observer(desk.fleet))
        if json:
            rows = [{"id": one.id, "kind": one.kind, "host": one.host,
                     "started_at": one.started_at.isoformat(), "bytes": one.size_bytes,
                     "plain_bytes": one.plain_bytes, "trouble": one.trouble,
                     "verified_at": one.verified_at.isoformat() if one.verified_at else None}
                    for one in found.backups]  # fmt: skip
            said = {"backups": rows, "newest_verified": newest_as_json(found),
                    "unfinished_uploads": found.unfinished_uploads}  # fmt: skip
            desk.telling.data(json_format.dumps(said, indent=2))
        else:
            desk.telling.data("\n".join(aligned(table(found.backups))))
        if found.unfinished_uploads:
            desk.telling.say(f"  {found.unfinished_uploads} uploads are not finished")
        for words in (wrong := troubles(found)):
            desk.telling.trouble(words)
        if wrong:
            raise Exit(code=1)


@task(
    help=_FLEET | _BACKUP | {"base": "A base backup, with all WAL behind it."},
    auto_shortflags=False,
)
def verify(
    _: Any, fleet: str = "", backup: str = "", base: bool = False, json: bool = False
) -> None:
    """Restore one on the observer, to see that it comes back. Exit 0 it does, 1 it does not."""
    with _at_desk(fleet, "fab backup.verify") as desk:
        observer = the_observer(desk.fleet)
        with desk.stopping.watched():
            ended = drilling.verify(desk, observer, backup, is_base=base)
        _parts(desk, ended.answer)
        if json:
            desk.telling.data(json_format.dumps(ended.answer, indent=2))
        if ended.status:
            desk.telling.trouble(ended.words)
            raise Exit(code=1)


@task(help=_FLEET, auto_shortflags=False)
def drill(_: Any, fleet: str = "", json: bool = False) -> None:
    """Run tonight's restore drill now: the timer's own unit, whose check hears of it."""
    with _at_desk(fleet, "fab backup.drill") as desk:
        observer = the_observer(desk.fleet)
        with desk.stopping.watched():
            drilling.drill(desk, observer)
        found = listed_by(desk.sessions, observer)
        if newest := found.newest_verified:
            desk.telling.say(f"  {in_words(found, newest)} came back")
        if json:
            desk.telling.data(json_format.dumps(newest_as_json(found), indent=2))


_RESTORE = {
    "at": "Bring back this moment (2026-11-22T01:30:00Z, or latest), from a base backup and WAL.",
    "replace": "There are tables: keep them by another name, and put the backup in their place.",
    "confirm": "The name of the host that takes writes, instead of typing it.",
}


@task(help=_FLEET | _BACKUP | _RESTORE, auto_shortflags=False)
def restore(
    _: Any,
    fleet: str = "",
    backup: str = "",
    at: str = "",
    replace: bool = False,
    confirm: str = "",
    json: bool = False,
) -> None:
    """Bring a backup back as the fleet's database. Exit 0 done, 1 not, 2 not wanted."""
    wanted = restoring.Wanted(backup, _moment(at), replace)
    with _at_desk(fleet, "fab backup.restore", is_held=True) as desk:
        nodes = read_nodes(desk.sessions, desk.hosts(Role.DATABASE))
        for line in host_lines(nodes):
            desk.telling.say(f"  {line}")
        primary = desk.fleet.host(restoring.target(nodes).name)
        observer = the_observer(desk.fleet)
        known = listed_by(desk.sessions, observer)
        found = restoring.opened(desk, observer, known, wanted)
        desk.telling.say(restoring.consequence(primary.name, found.backup, known, wanted))
        if not named(desk.telling.console, primary.name, confirm):
            raise Exit(code=PENDING)
        with desk.stopping.watched():
            said = restoring.restore(desk, primary, found, wanted)
        _parts(desk, said)
        desk.telling.say(_ADOPT)
        if json:
            desk.telling.data(json_format.dumps(said, indent=2))


def _moment(at: str) -> str:
    with speaking(Console()):
        return restoring.moment(at, datetime.now(UTC))


@contextmanager
def _at_desk(fleet: str, why: str, *, is_held: bool = False) -> Iterator[Desk]:
    """Give a desk. `is_held`: nobody else may change the hosts meanwhile.

    A backup and a drill hold nothing: they take an hour, and have locks of their own.
    """
    console = Console()
    with speaking(console):
        described = find_fleet(fleet)
        hold = (operator(), why) if is_held else None
        with sessions_with(described, hold) as sessions:
            telling = Telling(console, max(len(host.name) for host in described.hosts))
            yield Desk(described, sessions, Audit(described.name, why), telling, Stopping())


def _parts(desk: Desk, said: dict[str, Any]) -> None:
    for line in drilling.parts(said):
        desk.telling.say(line)
