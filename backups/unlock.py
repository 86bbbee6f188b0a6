"""Fill the session keys of a parcel where the private key is; the key itself goes nowhere.

gpg is given the head of each object alone. It says the session key, then finds that the
data ends too early and exits 2: here that is success. What it writes to stderr has the
session key in it and is shown to nobody.
"""

import contextlib
import dataclasses
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backups import packets
from backups.errors import UnlockError
from backups.parcel import Parcel, Sealed, unlocked

# A person may have to find the YubiKey, type its PIN and touch it.
_TIMEOUT_SECONDS = 300
_BAD_PASSPHRASE = 11  # of libgpg-error, in the lower 16 bits of what gpg says


@dataclass(frozen=True, slots=True)
class Keyring:
    """Where gpg finds the private key; by default where it looks by itself.

    Without `passphrase_file` gpg asks for the passphrase, or the PIN, as it is set up to.
    """

    home: Path | None = None
    passphrase_file: Path | None = None

    @property
    def options(self) -> list[str]:
        """Return gpg's options for it."""
        home = ["--homedir", str(self.home)] if self.home else []
        if self.passphrase_file is None:
            return home
        return [
            *home,
            "--pinentry-mode",
            "loopback",
            "--passphrase-file",
            str(self.passphrase_file),
        ]

    def forget(self) -> None:
        """Let gpg's agent forget a passphrase from a file: the next one may be wrong."""
        if self.passphrase_file is not None:
            home = ["--homedir", str(self.home)] if self.home else []
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                reload = ["gpgconf", *home, "--reload", "gpg-agent"]
                subprocess.run(reload, capture_output=True, timeout=30, check=False)


def unlock(parcel: Parcel, keyring: Keyring, told: Callable[[int], None]) -> Parcel:
    """Return the parcel with all session keys; `told` hears how many objects are done.

    UnlockError when the private key is not here or does not open.
    """
    opened: list[Sealed] = []
    try:
        for sealed in (parcel.object, *parcel.wal):
            opened.append(unlocked(sealed, session_key(sealed.head, keyring)))
            told(len(opened))
    finally:
        keyring.forget()
    return dataclasses.replace(parcel, object=opened[0], wal=tuple(opened[1:]))


def session_key(head: bytes, keyring: Keyring) -> str:
    """Return the session key, as in 9:0123AB..; UnlockError says why there is none."""
    command = ["gpg", "--batch", "--no-options", *keyring.options]
    command += ["--status-fd", "2", "--show-session-key", "--output", "-", "--decrypt"]
    try:
        done = subprocess.run(
            command,
            input=packets.sample(head),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise UnlockError("gpg is not installed here; it is Debian's package gpg.") from None
    except subprocess.TimeoutExpired:
        words = f"gpg did not open it within {_TIMEOUT_SECONDS} s: is it waiting for a PIN?"
        raise UnlockError(words) from None
    status = _status(done.stderr)
    for line in status:
        if line[0] == "SESSION_KEY" and len(line) > 1:
            return line[1]
    raise UnlockError(_why(status, head, keyring))


def _status(said: bytes) -> list[list[str]]:
    """Return gpg's status lines, in words (doc/DETAILS of GnuPG)."""
    lines = said.decode("utf-8", "replace").splitlines()
    return [line.split()[1:] for line in lines if line.startswith("[GNUPG:] ")]


def _why(status: list[list[str]], head: bytes, keyring: Keyring) -> str:
    where = f"in {keyring.home}" if keyring.home else "in gpg's own folder"
    ids = " or ".join(packets.recipients(head))
    for line in status:
        if line[:2] == ["ERROR", "pkdecrypt_failed"] and len(line) > 2:
            if int(line[2]) & 0xFFFF == _BAD_PASSPHRASE:
                return f"The private key {where} refuses its passphrase."
            return f"The private key {where} cannot be used (gpg's error {line[2]})."
    if any(line[0] == "NO_SECKEY" for line in status):
        return f"No private key {where} opens it: it takes the one of {ids}."
    return f"gpg did not open it with the keys {where}; it takes the one of {ids}."
