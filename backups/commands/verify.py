"""Prove that a backup comes back: restore it here into nothing, count, serve a page, record it.

Exit status 1 means that it does not, or that the newest backup is older than 26 hours.
"""

import argparse
import dataclasses
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from backups import cluster
from backups.layout import Kind
from backups.lock import claimed
from backups.parts import Parts
from backups.progress import say, size
from backups.settings import Settings, path_of, read_settings
from backups.store import Store
from backups.verify import Drill, Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", metavar="FILE", help="the settings' file")
    parser.add_argument("--backup", metavar="ID", help="which; by default the newest")
    parser.add_argument("--base", action="store_true", help="a base, with all WAL behind it")
    parser.add_argument("--any-age", action="store_true", help="one of more than 26 h may be good")
    parser.add_argument("--json", action="store_true", help="print what was found")


def main(arguments: argparse.Namespace) -> int:
    """Drill."""
    settings = read_settings(path_of(arguments.settings))
    now = datetime.now(UTC)
    with claimed(settings.scratch, "verify", now):
        cluster.clear_away(settings.scratch, "drill-*")
        kind = Kind.BASE if arguments.base else Kind.DUMP
        any_age = arguments.any_age
        verdict = drilled(settings, arguments.backup, now, at_any_age=any_age, kind=kind)
    say(told(verdict))
    if arguments.json:
        sys.stdout.write(json.dumps(dataclasses.asdict(verdict)) + "\n")
    return 0 if verdict.verified else 1


def drilled(
    settings: Settings,
    backup: str | None,
    now: datetime,
    *,
    at_any_age: bool,
    kind: Kind = Kind.DUMP,
) -> Verdict:
    """Drill the backup, else the newest; what was decrypted for it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="drill-", dir=settings.scratch) as folder:
        drill = Drill(Store(settings.store), settings, kind, Path(folder), Parts())
        return drill.run(backup, now, at_any_age=at_any_age)


def told(verdict: Verdict) -> str:
    """Say in words what was found."""
    if not verdict.verified:
        return f"NOT VERIFIED. {verdict.trouble}"
    rows = sum(count or 0 for count in verdict.counts_restored.values())
    words = f"{verdict.backup} is verified: {size(verdict.bytes)}, {rows} rows"
    return f"{words} in {len(verdict.counts_restored)} tables, {verdict.page} served."
