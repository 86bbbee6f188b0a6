"""How long may a statement of a migration wait, and run? Pure.

A statement that changes a table queues behind every transaction that uses it, and
everybody else queues behind the statement. So it waits briefly, gives up, and tries
again: pings are taken all the while, and the drain loses two seconds at most.
"""

import re
from dataclasses import dataclass

_WEAK = re.compile(r"\bCONCURRENTLY\b|\bVALIDATE\s+CONSTRAINT\b", re.IGNORECASE)
_CHANGES = re.compile(r"\s*(ALTER|CREATE|DROP|TRUNCATE|LOCK|COMMENT|SET\s+CONSTRAINTS)\b", re.I)
_TOGETHER_MS = 2_000
_LEAST_MS = 100


@dataclass(frozen=True, slots=True)
class Patience:
    """PostgreSQL's lock_timeout and statement_timeout, in milliseconds."""

    lock_ms: int
    statement_ms: int


def changes_a_table(sql: str) -> bool:
    """Tell whether everybody queues behind the statement while it waits."""
    return bool(_CHANGES.match(sql)) and not _WEAK.search(sql)


def patience(sql: str, since_first_ms: float = 0) -> Patience:
    """Return it for a statement, so long after its transaction's first one that changes a table.

    That one's lock is held until the transaction ends: the later ones share its patience.
    """
    if _WEAK.search(sql):
        return Patience(lock_ms=600_000, statement_ms=3_600_000)  # nobody waits for these
    if changes_a_table(sql):
        left = max(_LEAST_MS, _TOGETHER_MS - int(since_first_ms))
        return Patience(lock_ms=left, statement_ms=10_000)
    return Patience(lock_ms=10_000, statement_ms=600_000)  # rows, and they were named
