"""Where the drain reads and writes in bulk; the SQL that differs is in one module a database."""

from collections.abc import Sequence
from typing import Protocol

from django.db import connection

from app.pings.store import postgresql, sqlite
from app.pings.store.rows import Changed, Loaded, Move


class Store(Protocol):
    """Bulk reads and writes: inside the caller's transaction, or in one of its own.

    A check's code is its 16 bytes.

    `load` and `write` belong into `transaction.atomic()`. `begin`, `commit` and `abandon`
    are transactions that Django does not know of: outside any other, with nothing
    between them that would want one.
    """

    def prepare(self) -> None:
        """Set a new connection up for the drain, outside any transaction."""

    def load(self, codes: Sequence[bytes]) -> list[Loaded]:
        """Lock the checks of these codes in the order of their ids and return them."""

    def write(self, changed: Sequence[Changed]) -> None:
        """Write the log's new lines, the flips and the states."""

    def begin(self, codes: Sequence[bytes]) -> list[Loaded]:
        """Begin a transaction and do what `load` does."""

    def commit(
        self, move: Move, changed: Sequence[Changed], following: Sequence[bytes] | None = None
    ) -> list[Loaded]:
        """Write, move the position and commit; begin with the `following` checks, if any.

        PositionMovedError, and nothing is written, when the position is elsewhere. After
        another error the batch may or may not be committed: the position says it.
        """

    def abandon(self) -> None:
        """Roll back what `begin` or `commit` left open; no error when the session is gone."""


def store() -> Store:
    """Return the store of the configured database."""
    return postgresql if connection.vendor == "postgresql" else sqlite
