"""One run of a kind at a time, and what a run that was cut off has left.

NAME.lock is held by the process that is at it, and says who that is. NAME.json names
the upload under way. When its parts are all there, also the manifest that it gets: a
run that finds one finishes it, or aborts it.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from backups.errors import (
    AlreadyStored,
    Busy,
    NotStored,
    SettingsError,
    StoreError,
    StoreRefused,
    StoreSilent,
)
from backups.multipart import Part, complete
from backups.store import Store


@dataclass(frozen=True, slots=True)
class Leftover:
    """An upload that was begun."""

    key: str
    upload_id: str
    parts: Sequence[Part] = ()
    manifest_key: str = ""
    manifest: str = ""  # empty as long as parts are missing


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to do it, held until the block ends."""

    note: Path

    def remember(self, leftover: Leftover) -> None:
        """Note the upload under way, so that it survives us."""
        beside = self.note.with_suffix(".new")
        with _scratch(self.note):
            with beside.open("w") as file:
                json.dump(asdict(leftover), file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self.note)

    def forget(self) -> None:
        """Note that nothing is under way."""
        self.note.unlink(missing_ok=True)

    def clear_away(self, store: Store) -> str:
        """Finish or abort what an earlier run has left; say what was done, or nothing."""
        try:
            left = Leftover(**json.loads(self.note.read_bytes()))
        except FileNotFoundError:
            return ""
        except (ValueError, TypeError):
            self.forget()
            return "What an earlier run noted cannot be read, and is forgotten."
        said = _finish(store, left) if left.manifest else _abort(store, left)
        self.forget()
        return said


@contextlib.contextmanager
def claimed(directory: Path, name: str, now: datetime) -> Iterator[Claim]:
    """Hold the lock of that name; Busy says who does."""
    path = directory / f"{name}.lock"
    with _scratch(path):
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(descriptor, 200).decode(errors="replace") or "it said no more"
            raise Busy(f"Another run is at it: {who}.") from None
        with _scratch(path):
            os.ftruncate(descriptor, 0)
            words = f"{name}, process {os.getpid()}, since {now:%Y-%m-%d %H:%M:%S} UTC"
            os.write(descriptor, words.encode())
        yield Claim(directory / f"{name}.json")
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _scratch(path: Path) -> Iterator[None]:
    """Say which file of the scratch directory cannot be written, and why."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"scratch: {path}: {error.strerror}.") from None


def _finish(store: Store, left: Leftover) -> str:
    try:
        complete(store, left.key, left.upload_id, left.parts)
    except (StoreSilent, StoreRefused):
        raise
    except NotStored:
        return f"The upload of {left.key}, cut off at its end, is gone."
    except StoreError as error:
        return f"{_abort(store, left)} It could not be completed: {error}"
    with contextlib.suppress(AlreadyStored):
        store.put(left.manifest_key, left.manifest.encode())
    return f"The backup {left.key}, cut off at its end, is completed."


def _abort(store: Store, left: Leftover) -> str:
    with contextlib.suppress(NotStored):
        store.abort(left.key, left.upload_id)
    return f"The upload of {left.key}, which was cut off, is aborted."
