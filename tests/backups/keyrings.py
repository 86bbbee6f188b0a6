"""Real gpg keys and files encrypted to them, for tests."""

import contextlib
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backups.unlock import Keyring


@dataclass(frozen=True, slots=True)
class Key:
    """A key in a folder of its own: `public` is what recipients get of it."""

    home: Path
    public: Path
    passphrase_file: Path

    @property
    def keyring(self) -> Keyring:
        return Keyring(self.home, self.passphrase_file)


@contextlib.contextmanager
def made_key(who: str, *, passphrase: str = "", expires: str = "never") -> Iterator[Key]:
    """Make a key (Curve 25519, which takes a tenth of a second); its agent ends with the block."""
    home = Path(tempfile.mkdtemp(prefix="stillhere-key-"))
    try:
        # Else the agent first measures how often it can hash a passphrase in a tenth of a second.
        (home / "gpg-agent.conf").write_text("s2k-count 65536\n")
        password, public = home / "passphrase", home / f"{who}.asc"
        password.write_text(passphrase)
        loopback = ["--pinentry-mode", "loopback", "--passphrase-file", str(password)]
        make = ["--quick-gen-key", f"{who}@example.org", "future-default", "default", expires]
        _gpg(home, *loopback, *make)
        public.write_bytes(_gpg(home, "--armor", "--export", who))
        yield Key(home, public, password)
    finally:
        subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "gpg-agent"], check=False)
        shutil.rmtree(home, ignore_errors=True)


def sealed(plain: bytes, *keys: Key, options: Sequence[str] = ()) -> bytes:
    """Return `plain` as gpg encrypts it to the keys when it comes by a pipe."""
    to = [word for key in keys for word in ("--recipient-file", str(key.public))]
    with tempfile.TemporaryDirectory(prefix="stillhere-gpg-") as home:
        return _gpg(Path(home), "--trust-model", "always", *options, *to, "--encrypt", given=plain)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _gpg(home: Path, *arguments: str, given: bytes = b"") -> bytes:
    command = ["gpg", "--batch", "--quiet", "--no-options", "--homedir", str(home), *arguments]
    return subprocess.run(command, check=True, input=given, capture_output=True).stdout
