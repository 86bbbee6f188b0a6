"""Restore a dump into the database of the settings.

With --parcel from an unlocked parcel, as a file or from stdin; without it, the store's
credentials and the private key have to be here. A database that has tables is replaced
only when its name is said, and is kept under another name.
"""

import argparse
import dataclasses
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from backups import opening, parcel
from backups.errors import RestoreRefused, SettingsError
from backups.layout import Kind
from backups.lock import claimed
from backups.parcel import Parcel
from backups.parts import Parts
from backups.progress import say, size
from backups.restore import Restored, restore
from backups.settings import Settings, path_of, read_settings
from backups.store import Store
from backups.unlock import Keyring, unlock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", metavar="FILE", help="the settings' file")
    parser.add_argument("--backup", metavar="ID", help="which; by default the newest")
    parser.add_argument("--parcel", metavar="FILE", help="an unlocked parcel; - is stdin")
    parser.add_argument("--replace", metavar="NAME", help="the database that may be replaced")
    parser.add_argument("--json", action="store_true", help="print what was done")


def main(arguments: argparse.Namespace) -> int:
    """Restore."""
    settings = read_settings(path_of(arguments.settings))
    parts = Parts()
    with claimed(settings.scratch, "restore", datetime.now(UTC)):
        if arguments.parcel:
            unlocked = _read(arguments.parcel)
        else:
            with parts.timed("open"):
                unlocked = _opened(settings, arguments.backup)
        done = restore(unlocked, settings, arguments.replace, parts)
    say(told(done))
    if arguments.json:
        sys.stdout.write(json.dumps(dataclasses.asdict(done)) + "\n")
    return 0


def told(done: Restored) -> str:
    """Say in words what was done."""
    rows = sum(count or 0 for count in done.counts.values())
    words = f"{done.database} is restored from {done.backup}: {size(done.bytes)}, {rows} rows"
    kept = f" What was there before is {done.kept}; drop it when nobody misses it."
    return f"{words} in {len(done.counts)} tables.{kept if done.kept else ''}"


def _opened(settings: Settings, backup: str | None) -> Parcel:
    if settings.drill.gnupg_home is None:
        raise SettingsError("drill.gnupg_home is missing: without the private key, give --parcel.")
    store = Store(settings.store)
    locked = opening.parcel_of(store, Kind.DUMP, backup or opening.newest(store, Kind.DUMP))
    return unlock(
        locked, Keyring(settings.drill.gnupg_home, settings.drill.passphrase_file), _quiet
    )


def _read(name: str) -> Parcel:
    try:
        read = parcel.parse(sys.stdin.read() if name == "-" else Path(name).read_text("utf-8"))
    except OSError as error:
        raise RestoreRefused(f"{name} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise RestoreRefused(f"This is no parcel: {error}.") from None
    if read.is_locked:
        raise RestoreRefused("The parcel is locked: `unlock` it where the private key is.")
    return read


def _quiet(_count: int) -> None:
    """Show nothing: it is one object."""
