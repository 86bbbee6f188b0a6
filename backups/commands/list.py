"""List the backups in the bucket, oldest first."""

import argparse
import json
import sys

from backups.listing import Backup, listing
from backups.progress import say, size
from backups.settings import path_of, read_settings
from backups.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", metavar="FILE", help="the settings' file")
    parser.add_argument("--json", action="store_true", help="print it as JSON")


def main(arguments: argparse.Namespace) -> int:
    """Print the list."""
    found = listing(Store(read_settings(path_of(arguments.settings)).store))
    if arguments.json:
        sys.stdout.write(json.dumps(found.to_json()) + "\n")
        return 0
    for one in found.backups:
        sys.stdout.write(_line(one) + "\n")
    if not found.backups:
        say("There are no backups.")
    if found.unfinished_uploads:
        say(f"Unfinished uploads: {found.unfinished_uploads}.")
    return 0


def _line(one: Backup) -> str:
    verified = f"verified {one.verified_at:%Y-%m-%d %H:%M}" if one.verified_at else "not verified"
    known = one.manifest
    told = f"{size(known.object.bytes):>10}  {known.host:<12}" if known else f"{'':10}  {'':<12}"
    trouble = one.trouble or one.wal_trouble
    return f"{one.id}  {one.kind:<4}  {told}  {verified:<25}  {trouble}".rstrip()
