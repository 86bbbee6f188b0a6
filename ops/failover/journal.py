"""How far a failover is: the value that both database hosts keep while it is under way."""

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from ops.errors import Refused


class Step(StrEnum):
    """What is being done, or was when it was cut off. Each may be done again."""

    PREPARE = "prepare"
    FENCE = "fence"
    STOP = "stop"
    CATCH_UP = "catch up"
    UNDO = "undo"
    PROMOTE = "promote"
    SETTLE = "settle"
    PROVE = "prove"
    REJOIN = "rejoin"

    @property
    def is_final(self) -> bool:
        """Tell whether the new primary may have been promoted: no way leads back."""
        return self in (Step.PROMOTE, Step.SETTLE, Step.PROVE, Step.REJOIN)


@dataclass(frozen=True, slots=True)
class Procedure:
    """A failover under way. `timeline` is the one that it ends; `began` is UTC, ISO 8601.

    `is_primary_lost`: unplanned, and what only the old primary had is given up.
    """

    id: str
    old: str
    new: str
    system_identifier: str
    timeline: int
    is_primary_lost: bool
    without_backup: bool
    by: str
    began: str
    step: Step = Step.PREPARE

    def at(self, step: Step) -> "Procedure":
        """Return it at another step."""
        return replace(self, step=step)

    def __str__(self) -> str:
        kind = " with --primary-lost" if self.is_primary_lost else ""
        return (
            f"the failover from {self.old} to {self.new}{kind}, begun by {self.by} at "
            f"{self.began}, at its step '{self.step}'"
        )


def begun(
    old: str, new: str, cluster: tuple[str, int], by: str, *, is_primary_lost: bool,
    without_backup: bool,
) -> Procedure:  # fmt: skip
    """Return a new one; `cluster` is system identifier and timeline."""
    began = datetime.now(UTC).isoformat(timespec="seconds")
    words = (secrets.token_hex(4), old, new, *cluster)
    return Procedure(*words, is_primary_lost, without_backup, by, began)


def packed(procedure: Procedure) -> dict[str, Any]:
    """Return what a host keeps."""
    return asdict(procedure)


def unpacked(host: str, kept: Mapping[str, Any] | None) -> Procedure | None:
    """Return what a host has kept. Refused for what nobody understands."""
    if kept is None:
        return None
    try:
        return Procedure(**{**kept, "step": Step(kept["step"])})
    except (KeyError, TypeError, ValueError):
        raise Refused(
            f"{host}: its /var/lib/stillhere/failover.json is not understood: another release, or "
            "a broken disk. Look at both database hosts with fab db.status before you move it away."
        ) from None
