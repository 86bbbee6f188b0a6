"""The vault beside an inventory: secrets as TOML, encrypted by GPG, plain only in memory.

vault.toml.gpg      name = "value", one a line
gnupg/              a GPG home of its own, if it is there (the lab's); else the operator's
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import gnupg

from ops.errors import VaultError
from provisioning.roles.database import SECRETS as PASSWORDS
from provisioning.scram import is_as_typed

_NAME = re.compile(r"[a-z][a-z0-9_]*")


class Secret(str):
    """A text that does not print itself: `reveal` is the only way to its value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "<secret>"

    def __str__(self) -> str:
        return "<secret>"

    def __format__(self, spec: str) -> str:
        return "<secret>"

    def reveal(self) -> str:
        """Return the value: only where it goes to a host's stdin."""
        return str.__str__(self)


def vault_of(inventory: Path) -> Path:
    """Return the path of an inventory's vault: NAME.vault.toml.gpg, or plain vault.toml.gpg."""
    named = inventory.with_suffix(".vault.toml.gpg")
    return named if named.exists() else inventory.with_name("vault.toml.gpg")


def read_vault(path: Path) -> dict[str, Secret]:
    """Return the secrets by name. VaultError says why there are none; never what is inside."""
    return parse_vault(path, decrypted_vault(path))


def decrypted_vault(path: Path) -> bytes:
    """Return the vault's plain text as it was written, for an editor or for `parse_vault`."""
    try:
        encrypted = path.read_bytes()
    except OSError as error:
        raise VaultError(f"The vault {path} cannot be read: {error.strerror}.") from None
    decrypted = _gpg(path).decrypt(encrypted)
    if not decrypted.ok:
        why = decrypted.status or "gpg gave no reason"
        raise VaultError(
            f"The vault {path} cannot be decrypted: {why}. "
            "Is your key in its recipients, and your token plugged in?"
        )
    return bytes(decrypted.data)


def parse_vault(path: Path, plain: bytes) -> dict[str, Secret]:
    """Return the secrets of a decrypted vault. A message never quotes what is in it."""
    try:
        values = tomllib.loads(plain.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        raise VaultError(f"The vault {path} is no TOML; correct it by fab secrets.edit.") from None
    for name, value in values.items():
        if not _NAME.fullmatch(name) or not isinstance(value, str) or not value:
            raise VaultError(
                f'The vault {path} has an entry that is not name = "value": {name[:40]!r}.'
            )
    return {name: Secret(value) for name, value in values.items()}


def write_vault(path: Path, plain: str, recipients: Iterable[str]) -> None:
    """Encrypt for the recipients' fingerprints, beside, then put it in place."""
    encrypted = _gpg(path).encrypt(plain, list(recipients), always_trust=True, armor=False)
    if not encrypted.ok:
        raise VaultError(f"The vault {path} cannot be encrypted: {encrypted.status}.")
    beside = path.with_name(f".{path.name}.new")
    beside.touch(mode=0o600)
    beside.write_bytes(encrypted.data)
    beside.replace(path)


def recipients_of(path: Path) -> list[str]:
    """Return the fingerprints of the keys that the vault is encrypted for."""
    gpg = _gpg(path)
    ids = gpg.get_recipients(path.read_bytes())
    found = [key["fingerprint"] for key in gpg.list_keys() if _has_id(key, ids)]
    if not found:
        raise VaultError(f"No public key of the vault {path} is in your keyring. Import them.")
    return found


def _has_id(key: Mapping[str, Any], ids: Iterable[str]) -> bool:
    own = {key["keyid"], *(subkey[0] for subkey in key.get("subkeys", ()))}
    return bool(own & set(ids))


def require(secrets: Mapping[str, Secret], names: Iterable[str], path: Path) -> None:
    """Raise VaultError unless all names are there, and the database's can be its passwords."""
    missing = sorted(set(names) - set(secrets))
    if missing:
        raise VaultError(
            f"The vault {path} lacks {', '.join(missing)}; add them by fab secrets.edit."
        )
    odd = [name for name in PASSWORDS if name in secrets and not is_as_typed(secrets[name])]
    if odd:
        raise VaultError(
            f"The vault {path} has {', '.join(odd)} with a line break or a letter that is not "
            "ASCII: PostgreSQL takes no such password for what it is. Replace it by fab "
            "secrets.edit; openssl rand -base64 36 makes one."
        )


def _gpg(path: Path) -> gnupg.GPG:
    home = path.with_name("gnupg")
    options = ["--pinentry-mode", "loopback"] if home.is_dir() else []
    return gnupg.GPG(gnupghome=str(home) if home.is_dir() else None, options=options)
