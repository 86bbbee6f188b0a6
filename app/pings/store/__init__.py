"""Where the drain reads and writes in bulk; the SQL that differs is in one module a database."""

from collections.abc import Sequence
from typing import Protocol
from uuid import UUID

from django.db import connection

from app.pings.store import postgresql, sqlite
from app.pings.store.rows import Changed, Loaded


class Store(Protocol):
    """Bulk reads and writes inside the caller's transaction."""

    def prepare(self) -> None:
        """Set a new connection up for the drain, outside any transaction."""

    def load(self, codes: Sequence[UUID]) -> list[Loaded]:
        """Lock the checks of these codes in the order of their ids and return them."""

    def write(self, changed: Sequence[Changed]) -> None:
        """Write the log's new lines, the flips and the states."""


def store() -> Store:
    """Return the store of the configured database."""
    return postgresql if connection.vendor == "postgresql" else sqlite
