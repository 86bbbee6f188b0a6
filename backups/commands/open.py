"""Print a backup's parcel: what a restore needs of it, but what opens it.

It takes the keeper's credentials and no private key. The addresses in it work for
twelve hours.
"""

import argparse
import sys

from backups import opening
from backups.layout import Kind
from backups.settings import path_of, read_settings
from backups.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", metavar="FILE", help="the settings' file")
    parser.add_argument("--backup", metavar="ID", help="which; by default the newest")


def main(arguments: argparse.Namespace) -> int:
    """Print it."""
    store = Store(read_settings(path_of(arguments.settings)).store)
    backup = arguments.backup or opening.newest(store, Kind.DUMP)
    sys.stdout.write(opening.parcel_of(store, Kind.DUMP, backup).to_json() + "\n")
    return 0
