"""Bring an object from its address and decrypt it with its session key; nothing is kept of it.

    address -- urllib, again from where it broke off --> SHA-256 --> gpg --> sink

What reaches the sink is not yet proved: sizes, both digests and gpg's own integrity check are
known at the end. Who calls uses it only when `unseal` has returned.
"""

import contextlib
import hashlib
import http.client
import os
import ssl
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from backups.errors import (
    DamagedBackup,
    NotStored,
    StoreError,
    StoreRefused,
    StoreSilent,
    UnlockError,
)
from backups.parcel import Sealed

CHUNK_BYTES = 1 << 18
_TIMEOUT_SECONDS = 60
_TRIES = 9  # in a row without a byte; 1, 2, 4 ... s between them: two minutes in all
_MOST_WAIT_SECONDS = 30


class Sink(Protocol):
    """What takes decrypted bytes."""

    def write(self, data: bytes, /) -> object:
        """Take all of it, or raise OSError."""


@dataclass(frozen=True, slots=True)
class Plain:
    """What came out: its size and its SHA-256 in hex."""

    size_bytes: int
    sha256: str


def unseal(
    sealed: Sealed, sink: Sink, *, authority: Path | None, told: Callable[[int], None]
) -> Plain:
    """Write what is in the object to `sink`; `told` hears how many bytes have come.

    `authority` is a file of certificates to be believed instead of the system's. StoreError
    when it cannot be fetched, DamagedBackup when it is not what was stored or does not decrypt.
    """
    if sealed.session_key is None:
        raise ValueError(f"{sealed.key} is still locked")
    with _decrypting(sealed.session_key) as gpg:
        assert gpg.stdin is not None
        assert gpg.stdout is not None
        feeding = _Feeding(sealed, gpg.stdin, authority, told)
        feeding.start()
        digest, size = hashlib.sha256(), 0
        try:
            while chunk := gpg.stdout.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                sink.write(chunk)
        except BaseException:
            feeding.is_wanted = False
            gpg.kill()
            raise
        finally:
            feeding.join()
        status = gpg.wait()
    if feeding.error is not None:
        raise feeding.error
    if status:
        why = "it was changed, or cut, before it was stored"
        raise DamagedBackup(f"{sealed.key} does not decrypt: {why}.")
    return Plain(size, digest.hexdigest())


class _Feeding(threading.Thread):
    """Give gpg what comes from the address, and prove it. `error` is there after the end.

    When gpg takes no more the rest is read all the same: only then is it known whether it
    was changed in the store or was bad when it came there.
    """

    def __init__(
        self,
        sealed: Sealed,
        gpg: IO[bytes],
        authority: Path | None,
        told: Callable[[int], None],
    ) -> None:
        super().__init__(name="fetch", daemon=True)
        self.sealed, self.gpg, self.authority, self.told = sealed, gpg, authority, told
        self.error: Exception | None = None
        self.is_wanted = True

    def run(self) -> None:
        """Feed to the end; close gpg's input in any case."""
        digest, size = hashlib.sha256(), 0
        can_write = True
        try:
            for chunk in fetched(self.sealed, self.authority):
                if not self.is_wanted:
                    return
                digest.update(chunk)
                size += len(chunk)
                self.told(size)
                if can_write:
                    can_write = self._write(chunk)
            # Of WAL it is not known; what is decrypted is compared with the key instead.
            if self.sealed.sha256 and digest.hexdigest() != self.sealed.sha256:
                why = "its SHA-256 is another"
                raise DamagedBackup(f"{self.sealed.key} is not what was stored: {why}.")
        except (StoreError, DamagedBackup) as error:
            self.error = error
        finally:
            with contextlib.suppress(BrokenPipeError):
                self.gpg.close()

    def _write(self, chunk: bytes) -> bool:
        """Return whether gpg takes more."""
        try:
            self.gpg.write(chunk)
        except BrokenPipeError:
            return False
        return True


def fetched(sealed: Sealed, authority: Path | None) -> Iterator[bytes]:
    """Give exactly the object's bytes, in pieces; errors as `unseal`.

    Who calls looks at the digest.
    """
    context = ssl.create_default_context(cafile=str(authority) if authority else None)
    at, failures = 0, 0
    while at < sealed.size_bytes:
        try:
            for chunk in _from(sealed, at, context):
                at, failures = at + len(chunk), 0
                yield chunk
            if at < sealed.size_bytes:
                raise ConnectionError("the connection was closed early")
        except urllib.error.HTTPError as error:
            error.close()
            if error.code < 500 and error.code not in (408, 429):
                raise _refusal(sealed, error.code) from None
            failures = _again(sealed, failures + 1, f"it answers {error.code}")
        except (OSError, http.client.HTTPException) as error:
            failures = _again(sealed, failures + 1, str(error))


def _from(sealed: Sealed, start: int, context: ssl.SSLContext) -> Iterator[bytes]:
    """Give what one connection brings from byte `start` on."""
    if not sealed.url.startswith(("https://", "http://")):
        raise StoreRefused(f"The address of {sealed.key} is none of http or https.")
    request = urllib.request.Request(sealed.url)  # noqa: S310  (looked at above)
    if start:
        request.add_header("Range", f"bytes={start}-")
    opened = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=context)  # noqa: S310
    with opened as answer:
        # Whoever ignores Range gives all of it again.
        is_whole = answer.status == 200
        length = int(answer.headers.get("Content-Length", -1))
        if length >= 0 and length + (0 if is_whole else start) != sealed.size_bytes:
            size = length + (0 if is_whole else start)
            raise DamagedBackup(f"{sealed.key} has {size} bytes; {sealed.size_bytes} were stored.")
        skipped = 0 if not is_whole else start
        while skipped and (chunk := answer.read(min(skipped, CHUNK_BYTES))):
            skipped -= len(chunk)
        while chunk := answer.read(CHUNK_BYTES):
            yield chunk


def _again(sealed: Sealed, failures: int, why: str) -> int:
    if failures >= _TRIES:
        raise StoreSilent(f"{sealed.key} cannot be fetched: {why}. Tried {failures} times.")
    time.sleep(min(2 ** (failures - 1), _MOST_WAIT_SECONDS))
    return failures


def _refusal(sealed: Sealed, code: int) -> StoreError:
    if code == 404:
        return NotStored(f"{sealed.key} is no longer in the store.")
    why = ": it has expired. Open the backup again" if code == 403 else f" with {code}"
    return StoreRefused(f"The address of {sealed.key} is refused{why}.")


@contextlib.contextmanager
def _decrypting(session_key: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run gpg with the session key on a file descriptor; kill it when the block is left early.

    It writes the session key to stderr, hence nobody listens there.
    """
    with tempfile.TemporaryDirectory(prefix="stillhere-gpg-") as home:
        reader, writer = os.pipe()
        try:
            os.write(writer, session_key.encode() + b"\n")
        finally:
            os.close(writer)
        command = ["gpg", "--batch", "--no-options", "--homedir", home, "--no-autostart"]
        command += ["--override-session-key-fd", str(reader), "--output", "-", "--decrypt"]
        try:
            gpg = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pass_fds=(reader,),
            )
        except FileNotFoundError:
            raise UnlockError("gpg is not installed here; it is Debian's package gpg.") from None
        finally:
            os.close(reader)
        with gpg:
            try:
                yield gpg
            finally:
                if gpg.poll() is None:
                    gpg.kill()
