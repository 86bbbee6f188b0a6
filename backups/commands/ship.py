"""Upload the WAL that PostgreSQL has left in the spool."""

import argparse
import json
import sys
from datetime import UTC, datetime

from backups.encrypt import keyring
from backups.lock import claimed
from backups.progress import say
from backups.settings import path_of, read_settings
from backups.ship import ship, waiting
from backups.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", help="the file of settings")
    parser.add_argument("--json", action="store_true", help="print what was done, as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Ship, and tell of it; nothing waiting is no work, and no connection."""
    settings = read_settings(path_of(arguments.settings))
    now = datetime.now(UTC)
    files = known = size = 0
    with claimed(settings.scratch, "ship", now):
        if waiting(settings.wal.spool):
            with keyring(settings.recipients, now) as keys:
                done = ship(settings.wal.spool, Store(settings.store), keys)
            files, known, size = done.files, done.known, done.bytes
    if arguments.json:
        sys.stdout.write(json.dumps({"files": files, "known": known, "bytes": size}) + "\n")
    elif files:
        say(f"Shipped {files} files of WAL, {known} of which the other host had shipped.")
    return 0
