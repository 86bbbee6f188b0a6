"""By which way may a database host follow the primary again? Pure: `way_back`.

From pg_controldata of the old node, and the history of the primary's timelines:

    it was a standby                             starts, and follows
    older timeline, nothing past the fork        standby.signal, starts, and follows
    older timeline, past the fork or crashed     pg_rewind, then as above
    the primary's timeline, and no standby       never: it is cloned anew

The last is the rogue write: pg_rewind says that nothing is to be done, the host streams, and
a row that only it has stays there for ever. A clean stop and a crash look alike there.
"""

from dataclasses import dataclass
from enum import StrEnum

from ops.databases.judging import is_foreign
from ops.databases.lsn import format_lsn
from ops.databases.node import Control, Node


class Way(StrEnum):
    """What is done."""

    NOTHING = "nothing"  # it streams already
    START = "start"
    FOLLOW = "follow"
    REWIND = "rewind"
    CLONE = "clone"  # not by a rejoin: its data are thrown away
    REFUSED = "refused"  # somebody has to decide something first


@dataclass(frozen=True, slots=True)
class WayBack:
    """The way, and why it is the one."""

    way: Way
    why: str


SHUT_DOWN = "shut down"
STOPPED_STANDBY, CRASHED_STANDBY = "shut down in recovery", "in archive recovery"


def way_back(one: Node, primary: Node) -> WayBack:
    """Return by which way a host may follow the primary. `primary` takes writes, and is another.

    Two servers, of which each takes writes, are not looked at here: nobody knows which is meant.
    """
    if one.server is not None:
        return _of_running(one, primary)
    control = one.control
    if control is None:
        return WayBack(Way.CLONE, "it has no data that pg_controldata can read")
    if is_foreign(one, primary):
        return WayBack(Way.CLONE, f"its data never were a copy of {primary.name}'s")
    if one.rewinding:
        return WayBack(Way.CLONE, f"a rewind was cut off: {one.rewinding}")
    if one.timeline > primary.timeline:
        words = f"it is on timeline {one.timeline}, past {primary.name}'s {primary.timeline}"
        return WayBack(Way.REFUSED, f"{words}: look which of the two was promoted last, and why")
    if one.backup_label and one.standby_signal:
        return WayBack(Way.START, "it is a copy that was never started")
    if control.state in (STOPPED_STANDBY, CRASHED_STANDBY):
        return _of_standby(one, primary, control)
    return _of_primary(one, primary, control)


def _of_running(one: Node, primary: Node) -> WayBack:
    if one.takes_writes:
        words = f"it takes writes, and so does {primary.name}. fab db.fence {one.name} first, if"
        return WayBack(Way.REFUSED, f"{words} {primary.name} is to stay the primary")
    if is_foreign(one, primary):
        return WayBack(Way.CLONE, f"its data never were a copy of {primary.name}'s")
    if one.is_streaming and one.timeline == primary.timeline:
        return WayBack(Way.NOTHING, f"it streams from {primary.name}")
    fork = primary.forks.get(one.timeline)
    reached = one.server.replay_lsn if one.server else 0
    if one.timeline < primary.timeline and fork is not None and reached > fork:
        # An old primary that somebody gave a standby.signal, or the standby that had more.
        return WayBack(Way.REWIND, _past(one, reached, fork))
    words = f"it runs as a standby and does not stream from {primary.name}"
    return WayBack(Way.START, f"{words}: it is started anew")


def _of_standby(one: Node, primary: Node, control: Control) -> WayBack:
    if one.timeline == primary.timeline:
        return WayBack(Way.START, f"it was a standby ({control.state})")
    fork = primary.forks.get(one.timeline)
    if fork is None:
        return _stranger(one, primary)
    if control.min_recovery_end_lsn <= fork:
        words = f"it was a standby on timeline {one.timeline}, and not past the fork"
        return WayBack(Way.START, f"{words} at {format_lsn(fork)}")
    past = _past(one, control.min_recovery_end_lsn, fork)
    if control.state == CRASHED_STANDBY:
        # Only a server that was stopped can be rewound, and this one cannot be by itself.
        return WayBack(Way.CLONE, f"{past}, and was not stopped cleanly")
    return WayBack(Way.REWIND, past)


def _of_primary(one: Node, primary: Node, control: Control) -> WayBack:
    if one.timeline == primary.timeline:
        words = f"it wrote on timeline {one.timeline} as a primary ({control.state}), and so does"
        return WayBack(
            Way.CLONE, f"{words} {primary.name}: it may have rows that no rewind would find"
        )
    fork = primary.forks.get(one.timeline)
    if fork is None:
        return _stranger(one, primary)
    if control.state != SHUT_DOWN:
        words = f"it was not stopped cleanly ({control.state}) on timeline {one.timeline}"
        return WayBack(Way.REWIND, words)
    # The fork is the end of the last record that both have, and a stop ends with such a record.
    if control.checkpoint_lsn >= fork:
        return WayBack(Way.REWIND, _past(one, control.checkpoint_lsn, fork))
    words = f"it was stopped on timeline {one.timeline} before {format_lsn(fork)}"
    return WayBack(Way.FOLLOW, f"{words}, where {primary.name} went on")


def _past(one: Node, reached: int, fork: int) -> str:
    words = f"it went on to {format_lsn(reached)} on timeline {one.timeline}"
    return f"{words}, past the fork at {format_lsn(fork)}"


def _stranger(one: Node, primary: Node) -> WayBack:
    words = f"its timeline {one.timeline} is none that {primary.name} comes from"
    return WayBack(Way.CLONE, words)
