"""A statement of the drain for PostgreSQL, and how values are written for it. Pure.

A batch is sent column by column as arrays, whose text is written here: the driver's
own adaptation of lists costs more than all of the rest. The driver still quotes
that text, so nothing that a client has sent is ever part of a statement.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

_NULL = "NULL"


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


def plain(values: Iterable[object]) -> str:
    """Return the array of values that need no quotes: numbers, words of our own."""
    return "{" + ",".join([_NULL if value is None else str(value) for value in values]) + "}"


def times(values: Iterable[datetime | None]) -> str:
    """Return the array of times."""
    said = [_NULL if value is None else value.isoformat() for value in values]
    return "{" + ",".join(said) + "}"


def texts(values: Iterable[str]) -> str:
    """Return the array of texts."""
    return "{" + ",".join([_quoted(value) for value in values]) + "}"


def binaries(values: Iterable[bytes]) -> str:
    """Return the array of byte strings; an empty one becomes NULL."""
    said = ['"\\\\x' + value.hex() + '"' if value else _NULL for value in values]
    return "{" + ",".join(said) + "}"


@lru_cache(maxsize=4096)
def _quoted(value: str) -> str:
    # PostgreSQL's text has no NUL.
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\0", "\ufffd")
    return f'"{escaped}"'
