"""A statement of the drain for PostgreSQL, and how values are written for it. Pure.

A batch is sent column by column as arrays, whose text is written here: the driver's
own adaptation of lists costs more than all of the rest. The driver still quotes
that text, so nothing that a client has sent is ever part of a statement.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

_NULL = "NULL"
_ZERO, _US = datetime(2000, 1, 1, tzinfo=UTC), timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with $1, $2, ...: each once and in order. `types` are theirs."""

    name: str
    types: tuple[str, ...]
    sql: str

    @property
    def prepare(self) -> str:
        """Return what makes it known to a session."""
        return f"PREPARE {self.name} ({', '.join(self.types)}) AS {self.sql}"

    @property
    def execute(self) -> str:
        """Return what executes it in a session that knows it; values go in as %s."""
        return f"EXECUTE {self.name} ({', '.join('%s' for _ in self.types)})"

    @property
    def alone(self) -> str:
        """Return what executes it in a session that does not know it."""
        return re.sub(r"\$(\d+)", lambda found: f"%s::{self.types[int(found[1]) - 1]}", self.sql)


def columns(*names: str) -> str:
    """Return what makes rows of the arrays $1, $2, ...; short ones are filled up with NULL.

    In a SELECT's list PostgreSQL takes them side by side; in FROM it copies each first.
    """
    return "SELECT " + ", ".join(f"unnest(${n}) AS {name}" for n, name in enumerate(names, 1))


def moment(name: str) -> str:
    """Return the time of what `moments` has sent; exact until the year 2285."""
    return f"timestamptz '2000-01-01 00:00:00+00' + {name} * interval '1 microsecond'"


def plain(values: Sequence[object]) -> str:
    """Return the array of values that need no quotes: numbers, words of our own."""
    if values.count(None) == len(values):
        return "{}"
    return "{" + ",".join([_NULL if value is None else str(value) for value in values]) + "}"


def moments(values: Iterable[datetime | None]) -> str:
    """Return the array of times as microseconds since 2000: a third of what their text costs."""
    said = [_NULL if value is None else str((value - _ZERO) // _US) for value in values]
    return "{" + ",".join(said) + "}"


def times(values: Iterable[datetime]) -> str:
    """Return the array of times."""
    return "{" + ",".join([value.isoformat() for value in values]) + "}"


def texts(values: Iterable[str]) -> str:
    """Return the array of texts."""
    return "{" + ",".join([_quoted(value) for value in values]) + "}"


def binaries(values: Sequence[bytes]) -> str:
    """Return the array of byte strings; an empty one becomes NULL."""
    if values.count(b"") == len(values):
        return "{}"
    said = ['"\\\\x' + value.hex() + '"' if value else _NULL for value in values]
    return "{" + ",".join(said) + "}"


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    # PostgreSQL's text has no NUL.
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\ufffd")
    return f'"{escaped}"'
