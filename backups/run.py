"""Take a backup: this is where the order of its steps is.

Recipients, lock, remains of an earlier run, the store's clock; then source -> gpg ->
upload, side by side. The upload is completed only when the program that read the
source, gpg and the count of rows have all ended well. The manifest is last, and is
noted on this disk before: a run that is cut off between the two is finished by the
next one. Whatever fails before that leaves nothing in the bucket.
"""

import hashlib
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from backups.encrypt import Keyring, Readable, keyring
from backups.errors import (
    AlreadyStored,
    NotStored,
    SourceError,
    StoreError,
    StoreRefused,
    StoreSilent,
)
from backups.layout import Kind, manifest_key, new_id, object_key
from backups.lock import Claim, Leftover, claimed
from backups.manifest import Manifest, Plain, StoredObject
from backups.multipart import Upload, part_bytes_for
from backups.progress import Progress, say, size
from backups.settings import Settings
from backups.store import Store
from backups.taking import Content, Taking

MOST_CLOCK_SKEW = timedelta(minutes=5)
KEY_ENDS_SOON = timedelta(days=30)

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the host's time."""
    return datetime.now(UTC)


def back_up(
    settings: Settings,
    kind: Kind,
    taking: Callable[[], AbstractContextManager[Taking]],
    clock: Clock = utc_now,
) -> Manifest | None:
    """Take a backup and return its manifest; None when a standby is to be asked instead."""
    begun = clock()
    with keyring(settings.recipients, begun) as keys, _claimed(settings, kind, begun) as claim:
        for one in keys.recipients:
            if one.expires_at is not None and one.expires_at - begun < KEY_ENDS_SOON:
                say(f"The key in {one.path} expires on {one.expires_at:%Y-%m-%d}: renew it.")
        store = Store(settings.store)
        if said := claim.clear_away(store):
            say(said)
        with taking() as taken:
            if taken.facts.has_standby:
                return None
            run = _Run(kind, begun, keys, store, claim, taken, clock)
            return run.upload()


def _claimed(settings: Settings, kind: Kind, now: datetime) -> AbstractContextManager[Claim]:
    return claimed(settings.scratch, f"run-{kind}", now)


@dataclass(slots=True)
class _Run:
    """One backup while it is taken."""

    kind: Kind
    begun: datetime
    keys: Keyring
    store: Store
    claim: Claim
    taken: Taking
    clock: Clock
    seconds: dict[str, float] = field(default_factory=dict)

    def upload(self) -> Manifest:
        """Stream it, complete it, and write its manifest."""
        backup_id = new_id(self.begun)
        part_bytes = part_bytes_for(self.taken.facts.database.bytes)
        upload = Upload(self.store, object_key(self.kind, backup_id), part_bytes)
        begun = Leftover(upload.key, upload.upload_id)
        try:
            self.claim.remember(begun)
            self._judge_clock(upload.server_time)
            manifest = self._stream(backup_id, upload)
        except BaseException:
            self._abort(upload)
            raise
        self._complete(upload, manifest)
        return manifest

    def _judge_clock(self, server_time: datetime | None) -> None:
        """Refuse to name a backup by a clock that is wrong: retention would believe it."""
        if server_time is None or abs(server_time - self.clock()) <= MOST_CLOCK_SKEW:
            return
        raise StoreRefused(
            f"This host says it is {self.clock():%Y-%m-%d %H:%M:%S} UTC, and S3 says "
            f"{server_time:%Y-%m-%d %H:%M:%S}. Correct the one that is wrong (timedatectl)."
        )

    def _stream(self, backup_id: str, upload: Upload) -> Manifest:
        """Bring all parts to the store, and return the manifest that the object would get."""
        progress = Progress(f"{self.kind} {backup_id}")
        encrypted = _Counted(upload.write)
        try:
            with self._timed("stream"):
                plain = _Read(self.taken.stream(), progress)
                compressed = self.taken.is_compressed
                self.keys.encrypt(plain, encrypted.write, is_compressed=compressed)
        finally:
            progress.close()
        with self._timed("count"):
            content = self.taken.finish()
        with self._timed("flush"):
            upload.flush()
        if not plain.bytes:
            raise SourceError("The source ended well and gave not one byte.")
        stored = StoredObject(upload.key, encrypted.bytes, encrypted.sha256.hexdigest())
        return self._manifest(
            backup_id, stored, Plain(plain.bytes, plain.sha256.hexdigest()), content
        )

    def _manifest(
        self, backup_id: str, stored: StoredObject, plain: Plain, content: Content
    ) -> Manifest:
        facts = self.taken.facts
        return Manifest(
            id=backup_id,
            kind=self.kind,
            engine=facts.engine,
            host=socket.gethostname(),
            release=release_of(Path("release.json")),
            started_at=self.begun,
            finished_at=self.clock(),
            object=stored,
            plain=plain,
            recipients=self.keys.fingerprints,
            versions=facts.versions,
            database=facts.database,
            taken_from=facts.taken_from,
            counts=content.counts,
            newest_ping_at=content.newest_ping_at,
            wal=content.wal,
            seconds=self.seconds,
        )

    def _complete(self, upload: Upload, manifest: Manifest) -> None:
        """Make the object, then its manifest. What S3 does not answer is left to the next run."""
        key, raw = manifest_key(self.kind, manifest.id), manifest.to_json()
        self.claim.remember(Leftover(upload.key, upload.upload_id, upload.parts, key, raw.decode()))
        try:
            upload.complete()
        except StoreSilent:
            raise  # it may be done
        except StoreError:
            self._abort(upload)
            raise
        # Its first answer may have been lost: what is there under our name is ours.
        with suppress(AlreadyStored):
            self.store.put(key, raw)
        self.claim.forget()

    def _abort(self, upload: Upload) -> None:
        """Leave nothing; what cannot be aborted now is noted, and aborted by the next run."""
        try:
            upload.abort()
        except NotStored:
            pass
        except StoreError as error:
            say(f"The upload is not aborted; the next run will do it. {error}")
            return
        self.claim.forget()

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - begun


class _Read:
    """What is read from the source, counted."""

    def __init__(self, source: Readable, progress: Progress) -> None:
        self.bytes = 0
        self.sha256 = hashlib.sha256()
        self._source, self._progress = source, progress

    def read(self, size_bytes: int, /) -> bytes:
        data = self._source.read(size_bytes)
        self.bytes += len(data)
        self.sha256.update(data)
        self._progress.add(len(data))
        return data


class _Counted:
    """What is written to the store, counted."""

    def __init__(self, sink: Callable[[bytes], None]) -> None:
        self.bytes = 0
        self.sha256 = hashlib.sha256()
        self._sink = sink

    def write(self, data: bytes) -> None:
        self.bytes += len(data)
        self.sha256.update(data)
        self._sink(data)


def told(manifest: Manifest) -> str:
    """Return what a person reads about a backup that is done."""
    rows = sum(manifest.counts.values())
    parts = ", ".join(f"{part} {spent:.1f} s" for part, spent in manifest.seconds.items())
    return (
        f"{manifest.kind} {manifest.id} from {manifest.taken_from}: {size(manifest.object.bytes)}, "
        f"{rows} rows in {len(manifest.counts)} tables; {parts}"
    )


def release_of(path: Path) -> str:
    """Return the release that we are a part of; nothing when we are a checkout."""
    try:
        return str(json.loads(path.read_bytes())["id"])
    except (OSError, ValueError, KeyError):
        return ""
