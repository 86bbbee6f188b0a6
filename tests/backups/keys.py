"""Key pairs for tests: made by a real gpg, without a passphrase unless one is given."""

import atexit
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A pair. `home` is the GNUPGHOME with the private key, `public` the exported file."""

    home: Path
    public: Path
    fingerprint: str

    def decrypt(self, encrypted: bytes) -> bytes:
        """Return what was encrypted for it."""
        return _gpg(self.home, "--decrypt", given=encrypted)

    def export_private(self) -> bytes:
        """Return the private key, armored."""
        return _gpg(self.home, "--export-secret-keys", "--armor", self.fingerprint)


def make_key_pair(
    directory: Path,
    *,
    expires: str = "0",
    usage: str = "default",
    passphrase: str = "",
    now: str = "",
) -> KeyPair:
    """Make a pair in that directory. `expires` is gpg's (0 is never), `now` its clock's."""
    home = directory / "gnupg"
    home.mkdir(mode=0o700, parents=True)
    name = f"{directory.name} <{directory.name}@example.com>"
    how = ["--pinentry-mode", "loopback", "--passphrase-fd", "0"]
    if now:
        how += ["--faked-system-time", now]
    _gpg(
        home,
        *how,
        "--quick-generate-key",
        name,
        "default",
        usage,
        expires,
        given=passphrase.encode(),
    )
    listed = _gpg(home, "--with-colons", "--list-keys").decode().splitlines()
    fingerprint = next(line.split(":")[9] for line in listed if line.startswith("fpr:"))
    public = directory / f"{directory.name}.asc"
    public.write_bytes(_gpg(home, "--armor", "--export", fingerprint))
    _end_agent(home)
    return KeyPair(home, public, fingerprint)


@cache
def key_pair(name: str) -> KeyPair:
    """Return this process' pair of that name; making one takes a while."""
    return make_key_pair(_directory() / name)


@cache
def _directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="stillhere-keys-"))
    atexit.register(_forget, directory)
    return directory


def _forget(directory: Path) -> None:
    """Delete the pairs, and end the agents that gpg has started for them."""
    for home in directory.glob("*/gnupg"):
        _end_agent(home)
    shutil.rmtree(directory, ignore_errors=True)


def _end_agent(home: Path) -> None:
    subprocess.run(["gpgconf", "--homedir", str(home), "--kill", "all"], check=False)


def _gpg(home: Path, *arguments: str, given: bytes = b"") -> bytes:
    command = ["gpg", "--batch", "--quiet", "--homedir", str(home), *arguments]
    done = subprocess.run(command, input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return done.stdout
