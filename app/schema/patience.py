"""How long may a statement of a migration wait, and run? Pure.

A statement that changes a table queues behind every transaction that uses it, and
everybody else queues behind the statement. So it waits briefly, gives up, and tries
again: pings are taken all the while, and the drain loses two seconds at most.
"""

import re
from dataclasses import dataclass

_WEAK = re.compile(r"\bCONCURRENTLY\b|\bVALIDATE\s+CONSTRAINT\b", re.IGNORECASE)
_CHANGES = re.compile(r"\s*(ALTER|CREATE|DROP|TRUNCATE|LOCK|COMMENT|SET\s+CONSTRAINTS)\b", re.I)


@dataclass(frozen=True, slots=True)
class Patience:
    """PostgreSQL's lock_timeout and statement_timeout, in milliseconds."""

    lock_ms: int
    statement_ms: int


def patience(sql: str) -> Patience:
    """Return it for a statement."""
    if _WEAK.search(sql):
        return Patience(lock_ms=600_000, statement_ms=3_600_000)  # nobody waits for these
    if _CHANGES.match(sql):
        return Patience(lock_ms=2_000, statement_ms=10_000)
    return Patience(lock_ms=10_000, statement_ms=600_000)  # rows, and they were named
