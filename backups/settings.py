"""The settings of backups: one TOML file, parsed at the edge.

`--settings PATH`, or the variable STILLHERE_BACKUPS, or /etc/stillhere/backups.toml.
Paths in it are relative to the file's own directory. docs/backups.md has a table of
the keys. Everything wrong is a SettingsError that names the file and the key.
"""

import dataclasses
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from backups.errors import SettingsError

DEFAULT = Path("/etc/stillhere/backups.toml")
VARIABLE = "STILLHERE_BACKUPS"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The bucket, and whose credentials open it."""

    endpoint: str
    bucket: str
    credentials: Path
    region: str = "us-east-1"
    prefix: str = ""  # of every key; ends with a slash, unless it is empty
    authority: Path | None = None  # certificates that the endpoint's is checked against
    lock_days: int = 0  # asked for with every upload; 0 leaves it to the bucket


@dataclass(frozen=True, slots=True)
class Source:
    """The database that is backed up, and the application that it belongs to."""

    kind: str = "postgresql"  # or sqlite
    conninfo: str = "dbname=stillhere"
    path: Path | None = None  # of SQLite's file
    tables: tuple[str, ...] = ()  # whose rows are counted; none named: all of schema public
    program: tuple[str, ...] = ()  # manage.py; none: this Python's, in the working directory


@dataclass(frozen=True, slots=True)
class Drill:
    """What a restore on this machine has: the key, and PostgreSQL's programs."""

    gnupg_home: Path | None = None
    passphrase_file: Path | None = None
    postgresql_bin: Path | None = None  # none: the newest that is installed


@dataclass(frozen=True, slots=True)
class Retention:
    """How long backups are kept."""

    days: int = 62
    keep_verified: int = 7


@dataclass(frozen=True, slots=True)
class Wal:
    """Where PostgreSQL leaves its WAL for us, and how much of it may lie there."""

    spool: Path = Path("/var/lib/postgresql/stillhere-wal")
    most_bytes: int = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Settings:
    """All of the file."""

    store: StoreSettings
    recipients: tuple[Path, ...] = ()  # public keys
    scratch: Path = Path("/var/lib/stillhere-drill")  # locks, and what is decrypted; 0700
    source: Source = field(default_factory=Source)
    drill: Drill = field(default_factory=Drill)
    retention: Retention = field(default_factory=Retention)
    wal: Wal = field(default_factory=Wal)


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """An identity of the store; it does not print itself."""

    access_key_id: str
    secret_access_key: str


def path_of(named: str | None, environment: Mapping[str, str] = os.environ) -> Path:
    """Return where the settings are: what was named, else the variable, else the default."""
    return Path(named or environment.get(VARIABLE) or DEFAULT)


def read_settings(path: Path) -> Settings:
    """Return the settings in that file. SettingsError names what is wrong."""
    path = path.absolute()
    settings = _record(Settings, _toml(path), path, "")
    kind = settings.source.kind
    if kind not in {"postgresql", "sqlite"}:
        raise SettingsError(f"{path}: source.kind is {kind!r}; it is postgresql or sqlite.")
    if kind == "sqlite" and settings.source.path is None:
        raise SettingsError(f"{path}: source.path is missing: where is the SQLite file?")
    if settings.store.prefix and not settings.store.prefix.endswith("/"):
        raise SettingsError(f"{path}: store.prefix has to end with a slash.")
    if not settings.store.endpoint.startswith(("https://", "http://")):
        raise SettingsError(f"{path}: store.endpoint has to begin with https:// (or http://).")
    return settings


def read_credentials(path: Path) -> Credentials:
    """Return the identity in that file, which nobody but its owner may read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    if mode & 0o077:
        raise SettingsError(f"{path} can be read by others: chmod 600 {path}")
    return _record(Credentials, _toml(path), path, "")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError):
        # The parser's own words would quote the line, and it may have a secret.
        raise SettingsError(f"{path} is no TOML.") from None


def _record(kind: type[T], table: Mapping[str, Any], path: Path, where: str) -> T:
    """Return a dataclass of that kind, its fields as typed as they say."""
    assert dataclasses.is_dataclass(kind)
    fields = {one.name: one for one in dataclasses.fields(kind)}
    unknown = sorted(set(table) - set(fields))
    if unknown:
        raise SettingsError(f"{path}: unknown: {', '.join(where + name for name in unknown)}.")
    missing = [
        where + name
        for name, one in fields.items()
        if name not in table
        and one.default is dataclasses.MISSING
        and one.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise SettingsError(f"{path}: missing: {', '.join(missing)}.")
    hints = get_type_hints(kind)
    values = {name: _value(hints[name], table[name], path, where + name) for name in table}
    return kind(**values)


def _value(hint: Any, value: Any, path: Path, name: str) -> Any:
    """Return a value of the hinted type. An empty text where a path may be missing is none."""
    here = path.parent
    if dataclasses.is_dataclass(hint) and isinstance(hint, type) and isinstance(value, dict):
        return _record(hint, value, path, f"{name}.")
    if hint is str and isinstance(value, str):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if hint is Path and isinstance(value, str) and value:
        return here / value
    if hint == Path | None and isinstance(value, str):
        return here / value if value else None
    if isinstance(value, list) and all(isinstance(one, str) and one for one in value):
        if hint == tuple[str, ...]:
            return tuple(value)
        if hint == tuple[Path, ...]:
            return tuple(here / one for one in value)
    raise SettingsError(f"{path}: {name} is not {_expected(hint)}.")


def _expected(hint: Any) -> str:
    if dataclasses.is_dataclass(hint):
        return "a table"
    if hint is int:
        return "a whole number"
    return "a list of texts" if hint in {tuple[str, ...], tuple[Path, ...]} else "a text"
