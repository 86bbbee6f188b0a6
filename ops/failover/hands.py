"""What a failover may do to hosts: the acts that `on_hosts` carries out."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ops.databases.node import Node
from ops.failover.journal import Procedure
from ops.failover.safety import Silence


class Hands(Protocol):
    """Each act may be done again. HostError when it was not done, or nobody knows."""

    def keep(self, procedure: Procedure, *hosts: str) -> None:
        """Have the hosts keep how far it is, on their disks."""

    def forget(self, procedure: Procedure) -> None:
        """Have those that answer forget it: nothing is left to do."""

    def look(self, procedure: Procedure) -> tuple[Node | None, Node | None]:
        """Return the old and the new one as they are; None for one that does not answer."""

    def listen(self, procedure: Procedure) -> Silence:
        """Have others try whether the old one's host is alive."""

    def prepare(self, procedure: Procedure, *, has_checkpoint: bool) -> None:
        """Make the stop short, and keep what the old one will need to follow."""

    def fence(self, procedure: Procedure) -> None:
        """Let no application into the old one, and let nobody start it."""

    def stop(self, procedure: Procedure) -> bool:
        """Stop the old one in good order; False when that hangs."""

    def kill(self, procedure: Procedure) -> None:
        """End the old one's server, however."""

    def allow_start(self, procedure: Procedure) -> None:
        """Let the old one be started as primary; applications stay out."""

    def start(self, procedure: Procedure, *, may_start_alone: bool) -> None:
        """Start the old one and wait until it answers."""

    def unfence(self, procedure: Procedure) -> None:
        """Let applications into the old one."""

    def release(self, procedure: Procedure) -> None:
        """Have the new one keep nothing for the old one any more."""

    def start_promoted(self, procedure: Procedure) -> None:
        """Start the new one, which was promoted and is down; its guard need not hear the others."""

    def promote(self, procedure: Procedure) -> None:
        """Make the new one the primary. From here on no way leads back."""

    def settle(self, procedure: Procedure) -> str:
        """Have the new timeline on the new one's disk, and noted by the product."""

    def prove(self, procedure: Procedure) -> str:
        """Have every application server write, through every balancer."""

    def rejoin(self, procedure: Procedure) -> str:
        """Have the old one follow the new one."""


class End(StrEnum):
    """How a run of the command ended."""

    DONE = "done"
    UNDONE = "undone"
    CUT_OFF = "cut off"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended, and why it did not end well or "". CUT_OFF: a next run goes on."""

    end: End
    trouble: str = ""
