"""Encrypt for people who are not here: public keys only, in a keyring of our own.

The recipients are files. Whoever is in them can decrypt, and nobody else; what gpg
knows of trust plays no part. A key that cannot be used is an error before anything
is uploaded: a backup that only some of its recipients can open is found too late.
"""

import contextlib
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from backups.errors import EncryptionError, RecipientError

BLOCK_BYTES = 2**18


class Readable(Protocol):
    """What is encrypted: bytes until there are none."""

    def read(self, size: int, /) -> bytes:
        """Return at most so many bytes; none at the end."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """A public key that can be encrypted for."""

    path: Path
    fingerprint: str
    expires_at: datetime | None


@dataclass(slots=True)
class Keyring:
    """Public keys, and a gpg that knows no others."""

    recipients: tuple[Recipient, ...]
    _gpg: Any

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """Return the recipients' fingerprints, in the settings' order."""
        return tuple(one.fingerprint for one in self.recipients)

    def encrypt(
        self, source: Readable, sink: Callable[[bytes], None], *, is_compressed: bool
    ) -> None:
        """Send the source through gpg into the sink, in this thread's time.

        What reading or the sink raises is raised here. EncryptionError when gpg did
        not end well. That all is well here does not say that the source was whole.
        """
        guarded = _Guarded(source, sink)
        self._gpg.on_data = guarded.take
        with _quiet():
            try:
                result = self._gpg.encrypt_file(
                    guarded,
                    list(self.fingerprints),
                    always_trust=True,
                    armor=False,
                    extra_args=["--compress-algo", "none"] if is_compressed else ["-z", "6"],
                )
            except BaseException as error:  # noqa: BLE001 (it, or what caused it, is raised)
                # Whatever it was: gpg's input ends now, and its output goes nowhere.
                guarded.error = guarded.error or error
        if guarded.error is not None:
            raise guarded.error
        if not result.ok or result.returncode:
            raise EncryptionError(f"gpg did not encrypt: {result.status or 'it gave no reason'}.")


class _Guarded:
    """Keeps the first error of both ends, and ends the reading at once when the sink fails."""

    def __init__(self, source: Readable, sink: Callable[[bytes], None]) -> None:
        self.error: BaseException | None = None
        self._source = source
        self._sink = sink

    def read(self, size: int) -> bytes:
        if self.error is not None:
            return b""
        try:
            return self._source.read(size)
        except BaseException as error:  # noqa: BLE001 (raised again by `encrypt`)
            self.error = self.error or error
            return b""

    def take(self, data: bytes) -> bool:
        """Pass it on; False tells python-gnupg not to keep it."""
        if data and self.error is None:
            try:
                self._sink(data)
            except BaseException as error:  # noqa: BLE001 (raised again by `encrypt`)
                self.error = error
        return False


@contextlib.contextmanager
def keyring(paths: Sequence[Path], now: datetime) -> Iterator[Keyring]:
    """Return a keyring of the public keys in those files; RecipientError says which is wrong."""
    if not paths:
        raise RecipientError("No recipients: nobody could decrypt. Name public keys in settings.")
    home = tempfile.mkdtemp(prefix="stillhere-keyring-")
    try:
        yield Keyring(*_imported(home, paths, now))
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _imported(home: str, paths: Sequence[Path], now: datetime) -> tuple[tuple[Recipient, ...], Any]:
    import gnupg

    try:
        gpg = gnupg.GPG(gnupghome=home)
    except OSError as error:
        raise EncryptionError(f"gpg cannot be started: {error}. Install gnupg.") from None
    gpg.buffer_size = BLOCK_BYTES
    recipients = [one for path in paths for one in _recipients(gpg, path, now)]
    return tuple(recipients), gpg


def _recipients(gpg: Any, path: Path, now: datetime) -> Iterator[Recipient]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise RecipientError(f"The key {path} cannot be read: {error.strerror}.") from None
    if b"PRIVATE KEY BLOCK" in content:
        raise RecipientError(f"{path} has a private key. It has no place here: remove it.")
    with _quiet():
        fingerprints = [one for one in gpg.import_keys(content).fingerprints if one]
        keys = gpg.list_keys(keys=fingerprints) if fingerprints else []
    if not keys:
        raise RecipientError(f"{path} has no public key that gpg can read.")
    for key in keys:
        yield _usable(path, key, now)


def _usable(path: Path, key: dict[str, Any], now: datetime) -> Recipient:
    """Return the key as a recipient; RecipientError when nothing can be encrypted for it.

    gpg lists a capability in capitals when a key, with its subkeys, has it today.
    """
    fingerprint, expires = key["fingerprint"], key["expires"]
    expires_at = datetime.fromtimestamp(int(expires), UTC) if expires else None
    if expires_at is not None and expires_at <= now:
        when = f"{expires_at:%Y-%m-%d}"
        raise RecipientError(f"The key {fingerprint} in {path} expired on {when}: renew it.")
    if key["trust"] == "r":
        raise RecipientError(f"The key {fingerprint} in {path} is revoked: replace it.")
    if "E" not in key["cap"]:
        why = "it has no encryption key that is valid today"
        raise RecipientError(f"Nothing can be encrypted for {fingerprint} in {path}: {why}.")
    return Recipient(path, fingerprint, expires_at)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let python-gnupg log nothing: what matters is raised, and it would log data."""
    logger = logging.getLogger("gnupg")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
