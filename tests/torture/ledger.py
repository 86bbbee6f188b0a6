"""What was promised: the ledger of tokens, each in the body of one ping, and its answer.

The load writes a line for each ping, `<outcome> <token> <status>`:

    A   acknowledged: 200 "OK" or 201 "Created". It has to be in the table, once
    R   refused: any other answer. It may be there after all, but never twice
    U   no answer. It may be there, but never twice
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Ledger:
    """The tokens by what was answered."""

    acknowledged: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()

    @classmethod
    def read(cls, path: Path) -> "Ledger":
        """Read what the load wrote so far; a line that is not whole yet is left out."""
        found: dict[str, set[str]] = {"A": set(), "R": set(), "U": set()}
        whole = path.read_text("ascii").rpartition("\n")[0] if path.exists() else ""
        for line in whole.splitlines():
            outcome, token, _ = line.split(" ", 2)
            found[outcome].add(token)
        return cls(frozenset(found["A"]), frozenset(found["R"]), frozenset(found["U"]))


@dataclass(frozen=True, slots=True)
class Compared:
    """The ledger against the table.

    `lost` leaves out what the case destroyed; `destroyed` are the acknowledged
    ones of those. `risen` were destroyed and are there: then we counted wrongly.
    """

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    destroyed: list[str] = field(default_factory=list)
    risen: list[str] = field(default_factory=list)


def compare(ledger: Ledger, rows: dict[str, int], destroyed: Collection[str]) -> Compared:
    """Compare with how many rows each token has in the table."""
    gone = ledger.acknowledged & set(destroyed)
    return Compared(
        lost=sorted(ledger.acknowledged - gone - rows.keys()),
        doubled=sorted(token for token, count in rows.items() if count > 1),
        destroyed=sorted(gone),
        risen=sorted(set(destroyed) & rows.keys()),
    )
