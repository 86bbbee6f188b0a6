"""Restore a dump into the database of the settings.

With --parcel from an unlocked parcel, as a file or from stdin; without it, the store's
credentials and the private key have to be here. A database that has tables is replaced
only when its name is said, and is kept under another name.

With --at as of that moment, from a base backup and WAL; with --into not into the database
but as a data directory, which is that of a primary that was stopped.
"""

import argparse
import dataclasses
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from backups import opening, parcel
from backups.base_into_database import restore_at
from backups.base_restore import Base, RestoredFiles, programs_for, restore_to
from backups.errors import RestoreRefused, SettingsError
from backups.layout import Kind
from backups.lock import claimed
from backups.moments import moment
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
    parser.add_argument("--at", metavar="TIME", help="as of then; `latest` is the end of WAL")
    parser.add_argument("--into", metavar="FOLDER", help="with --at: as FOLDER/data")
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
                unlocked = _opened(settings, arguments.backup, arguments.at)
        done = _restored(unlocked, settings, arguments, parts)
    say(told(done) if isinstance(done, Restored) else told_of_files(done))
    if arguments.json:
        sys.stdout.write(json.dumps(dataclasses.asdict(done), default=str) + "\n")
    return 0


def _restored(
    unlocked: Parcel, settings: Settings, arguments: argparse.Namespace, parts: Parts
) -> Restored | RestoredFiles:
    if arguments.at is None:
        if arguments.into:
            raise RestoreRefused("--into goes with --at: a dump is no data directory.")
        return restore(unlocked, settings, arguments.replace, parts)
    at, manifest = moment(arguments.at), unlocked.parsed()
    if manifest.kind is not Kind.BASE:
        raise RestoreRefused(f"{manifest.id} is a dump: --at takes a base, as `open --at` opens.")
    if arguments.into is None:
        return restore_at(unlocked, settings, at, arguments.replace, parts)
    programs = programs_for(manifest, settings.drill.postgresql_bin)
    folder = Path(arguments.into).absolute()
    return restore_to(Base(unlocked, folder, programs, settings.store.authority, parts), at)


def told_of_files(done: RestoredFiles) -> str:
    """Say in words what was done."""
    last = f"Its last transaction is of {done.reached.last_transaction_at}."
    words = f"{done.data} is a primary's data directory, timeline {done.reached.timeline}. {last}"
    return f"{words} Once it runs, take a base backup: the older ones do not lead to it."


def told(done: Restored) -> str:
    """Say in words what was done."""
    rows = sum(count or 0 for count in done.counts.values())
    words = f"{done.database} is restored from {done.backup}: {size(done.bytes)}, {rows} rows"
    kept = f" What was there before is {done.kept}; drop it when nobody misses it."
    return f"{words} in {len(done.counts)} tables.{kept if done.kept else ''}"


def _opened(settings: Settings, backup: str | None, at: str | None) -> Parcel:
    if settings.drill.gnupg_home is None:
        raise SettingsError("drill.gnupg_home is missing: without the private key, give --parcel.")
    store = Store(settings.store)
    if at is None:
        locked = opening.parcel_of(store, Kind.DUMP, backup or opening.newest(store, Kind.DUMP))
    else:
        base = backup or opening.base_at(store, moment(at))
        locked = opening.parcel_of(store, Kind.BASE, base)
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
