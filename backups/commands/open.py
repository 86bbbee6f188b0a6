"""Print a backup's parcel: what a restore needs of it, but what opens it.

It takes the keeper's credentials and no private key. The addresses in it work for
twelve hours.
"""

import argparse
import sys

from backups import opening
from backups.layout import Kind
from backups.moments import moment
from backups.progress import say
from backups.settings import path_of, read_settings
from backups.store import Store
from backups.wal_store import chain_behind


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", metavar="FILE", help="the settings' file")
    parser.add_argument("--backup", metavar="ID", help="which; by default the newest")
    parser.add_argument("--at", metavar="TIME", help="a base for that moment, or for `latest`")


def main(arguments: argparse.Namespace) -> int:
    """Print it."""
    store = Store(read_settings(path_of(arguments.settings)).store)
    if arguments.at is None:
        backup = arguments.backup or opening.newest(store, Kind.DUMP)
        parcel = opening.parcel_of(store, Kind.DUMP, backup)
    else:
        backup = arguments.backup or opening.base_at(store, moment(arguments.at))
        parcel = opening.parcel_of(store, Kind.BASE, backup)
        if trouble := chain_behind(store, parcel.parsed()).trouble:
            say(f"{backup}: {trouble}. Nothing behind that can be reached.")
    sys.stdout.write(parcel.to_json() + "\n")
    return 0
