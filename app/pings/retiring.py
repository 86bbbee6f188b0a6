"""A server will not come back, an operator says: this is where alerts stop waiting for it.

Its positions are marked and not deleted. Should its disk come back after all, the drain
there goes on from them: what had not arrived is applied, and nothing twice.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from app.pings.models import Position

# Longer than a drain is silent while it reaches its database (it says T once a second).
LISTEN_SECONDS = 4.0


class StillSpeaks(Exception):
    """Its drain moves its positions: it is alive, and alerts have to wait for it."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """What the database knows of one receiver. `applied_before` is None for one unheard of."""

    slot: int
    journal: UUID
    segment: int
    offset: int
    applied_before: datetime | None
    is_retired: bool


def receivers_of(server: str) -> list[Receiver]:
    """Return the receivers that a server has or had, one for each journal of a slot."""
    rows = Position.objects.filter(server=server).order_by("slot", "pk")
    return [
        Receiver(row.slot, row.journal, row.segment, row.offset, row.applied_before, row.is_retired)
        for row in rows
    ]


def known_servers() -> list[str]:
    """Return the servers whose receivers alerts wait for."""
    live = Position.objects.filter(is_retired=False)
    return sorted(set(live.values_list("server", flat=True)))


def retire(server: str, listen_seconds: float = LISTEN_SECONDS) -> list[Receiver]:
    """Let no alert wait for the server any more; return its receivers as they are now.

    StillSpeaks when its drain says something while we listen. Twice is once.
    """
    before = receivers_of(server)
    if all(one.is_retired for one in before):
        return before
    time.sleep(listen_seconds)
    if receivers_of(server) != before:
        raise StillSpeaks(
            f"{server} still speaks: its drain has moved its positions within the last "
            f"{listen_seconds:g} s. Stop its receivers and its drain first."
        )
    Position.objects.filter(server=server, is_retired=False).update(is_retired=True)
    return receivers_of(server)
