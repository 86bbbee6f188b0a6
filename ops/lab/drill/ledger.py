"""The promise: each acknowledged token is in the table, once."""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Account:
    """The ledger against the table: how many tokens."""

    acknowledged: int
    lost: int
    doubled: int


def account(acknowledged: Collection[str], table: Iterable[str]) -> Account:
    """Compare. `table` has a token for each row.

    A token that was not acknowledged may be there or not, and never twice.
    """
    rows = Counter(table)
    promised = set(acknowledged)
    return Account(
        acknowledged=len(promised),
        lost=len(promised - rows.keys()),
        doubled=sum(count > 1 for count in rows.values()),
    )
