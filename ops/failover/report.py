"""What a failover has done, and how long each part took: pure, for people and for programs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.failover.hands import Outcome
from ops.failover.journal import Procedure

# From the fence on nobody writes, until the first one does again.
PARTS = ("fence", "stop", "catch up", "promote", "reconnect")


@dataclass(frozen=True, slots=True)
class Report:
    """All of one run. `seconds` by step; `gap_seconds` None when nothing was promoted in it.

    `reconnect_seconds`: from the promotion to the product's first write, by the hosts'
    clocks; None when there is no product yet. `is_resumed`: the gap had begun in an earlier
    run, and the one here is only its end. `lost_seconds`: the age of the last
    transaction that the new primary has of a lost one.
    """

    procedure: Procedure
    outcome: Outcome
    seconds: Mapping[str, float]
    is_resumed: bool
    gap_seconds: float | None
    reconnect_seconds: float | None
    new_timeline: int | None
    rejoin: str
    lost_seconds: float | None

    def lines(self) -> list[str]:
        """Return it for people."""
        procedure = self.procedure
        kind = "unplanned" if procedure.is_primary_lost else "planned"
        found = [f"{kind} failover from {procedure.old} to {procedure.new}: {self.outcome.end}"]
        if self.gap_seconds is not None:
            parts = ", ".join(f"{name} {value:.2f}" for name, value in self._parts().items())
            since = " since this run began to stop it" if self.is_resumed else ""
            found.append(f"  nobody could write for {self.gap_seconds:.2f} s{since} ({parts})")
        told = PARTS if self.gap_seconds is not None else ()
        others = {name: value for name, value in self.seconds.items() if name not in told}
        found += [f"  {name:<12} {value:6.2f} s" for name, value in others.items()]
        if self.new_timeline is not None:
            found.append(f"  timeline {procedure.timeline} -> {self.new_timeline}")
        if procedure.is_primary_lost and self.lost_seconds is not None:
            found.append(
                f"  lost with {procedure.old}: what was written after a transaction that was "
                f"{self.lost_seconds:.1f} s old; pings come back from the journals, edits do not"
            )
        if procedure.without_backup:
            found.append("  begun without a verified backup (--without-backup)")
        if self.rejoin:
            found.append(f"  {procedure.old}: {self.rejoin}")
        return found

    def as_json(self) -> dict[str, Any]:
        """Return it for programs; times in seconds."""
        procedure = self.procedure
        return {
            "id": procedure.id,
            "from": procedure.old,
            "to": procedure.new,
            "is_planned": not procedure.is_primary_lost,
            "by": procedure.by,
            "began": procedure.began,
            "without_backup": procedure.without_backup,
            "is_resumed": self.is_resumed,
            "end": self.outcome.end.value,
            "trouble": self.outcome.trouble,
            "timeline": {"old": procedure.timeline, "new": self.new_timeline},
            "write_gap_seconds": _rounded(self.gap_seconds),
            "parts": {name: _rounded(value) for name, value in self._parts().items()},
            "seconds": {name: _rounded(value) for name, value in self.seconds.items()},
            "lost_seconds": _rounded(self.lost_seconds),
            "rejoin": self.rejoin,
        }

    def _parts(self) -> dict[str, float]:
        """Return the parts of the gap, and what lies between them: journal and looking."""
        found = {name: self.seconds[name] for name in PARTS if name in self.seconds}
        if self.gap_seconds is None:
            return found
        if self.reconnect_seconds is not None:
            found["reconnect"] = self.reconnect_seconds
        between = self.gap_seconds - sum(found.values())
        return found | {"between": max(0.0, between)}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
