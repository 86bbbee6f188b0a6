"""Delete old backups, WAL that no base needs, and what was never finished."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from backups.progress import say, size
from backups.pruning import MOST_AT_ONCE, Outcome, Plan, carry_out, plan, read
from backups.settings import path_of, read_settings
from backups.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", metavar="FILE", help="the settings' file")
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    parser.add_argument(
        "--allow-many",
        action="store_true",
        help=f"let more than {MOST_AT_ONCE:.0%} of all backups go at once",
    )


def main(arguments: argparse.Namespace) -> int:
    """Show the plan, then do it; 1 when it is too much to do unasked."""
    settings = read_settings(path_of(arguments.settings))
    store = Store(settings.store)
    planned = plan(read(store), datetime.now(UTC), settings.retention)
    for line in _planned(planned):
        say(line)
    is_refused = planned.is_too_much and not (arguments.allow_many or arguments.dry_run)
    if is_refused:
        say(f"More than {MOST_AT_ONCE:.0%} of all backups: nothing was deleted. --allow-many?")
    is_idle = is_refused or arguments.dry_run
    outcome = Outcome() if is_idle else carry_out(store, planned)
    for line in _refused(outcome):
        say(line)
    if arguments.json:
        sys.stdout.write(json.dumps(_told(planned, outcome)) + "\n")
    return 1 if is_refused else 0


def _planned(planned: Plan) -> Iterator[str]:
    """Yield a line a backup; WAL, of which there is a file a minute, in one."""
    for one in planned.removals:
        if one.what != "wal":
            yield f"- {one.what:<8} {one.name}  {size(one.bytes)}"
    wal = [one for one in planned.removals if one.what == "wal"]
    if wal:
        yield f"- {len(wal)} WAL files  {size(sum(one.bytes for one in wal))}"
    for upload in planned.uploads:
        yield f"- upload   {upload.key}, begun at {upload.begun_at:%Y-%m-%d %H:%M} UTC"
    for backup_id, why in planned.stays.items():
        yield f"  {backup_id} is old and stays: {why}"
    if planned.unknown:
        yield f"  {len(planned.unknown)} keys are not ours, and are left: {planned.unknown[0]} ..."
    if not (planned.removals or planned.uploads):
        yield f"Nothing has to go. Backups: {planned.backups}."


def _refused(outcome: Outcome) -> Iterator[str]:
    for key in outcome.refused[:10]:
        yield f"! {key} stays: it is locked, or these credentials may not delete"
    if len(outcome.refused) > 10:
        yield f"! and {len(outcome.refused) - 10} more"


def _told(planned: Plan, outcome: Outcome) -> dict[str, Any]:
    """Return {"deleted": {kind: n}, "bytes", "refused", "stays": {id: why}, ...}."""
    return {
        "planned": dict(Counter(one.what for one in planned.removals)),
        "deleted": dict(Counter(one.what for one in outcome.gone)),
        "bytes": sum(one.bytes for one in outcome.gone),
        "refused": outcome.refused,
        "aborted_uploads": outcome.aborted,
        "stays": dict(planned.stays),
        "unknown": list(planned.unknown),
    }
