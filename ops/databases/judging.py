"""What is wrong with the database hosts, one by one and together. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ops.databases.node import FENCED, PRIMARY, Node, Slot

MIB = 2**20
MOST_LAG_BYTES = 16 * MIB  # a failover is refused beyond it
SLOW_SECONDS, SLOW_BYTES = 30.0, 64 * 1024  # an idle primary writes a little, without commits
HELD_BYTES = 1024 * MIB
# A standby with less than its primary stops replaying (PostgreSQL's documentation, hot standby).
NOT_LESS = (
    "max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
    "max_locks_per_transaction",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know of a host; one that is not red is only to note."""

    host: str
    words: str
    is_red: bool = True


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a standby's replay is behind its primary. None: since when, nobody knows."""

    size_bytes: int
    seconds: float | None

    def __str__(self) -> str:
        age = "of unknown age" if self.seconds is None else f"{self.seconds:.1f} s"
        return f"lag {sized(self.size_bytes)}, {age}"


def sized(size_bytes: int) -> str:
    """Return a size in words of at most four digits."""
    size, units = float(size_bytes), ["B", "KiB", "MiB", "GiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if size == int(size) else f"{size:.1f} {units[0]}"


def the_primary(nodes: Mapping[str, Node | str]) -> Node | None:
    """Return the one host that takes writes; None when there is none, or more than one."""
    writable = [one for one in nodes.values() if isinstance(one, Node) and one.takes_writes]
    return writable[0] if len(writable) == 1 else None


def who_is_primary(nodes: Mapping[str, Node | str]) -> tuple[bool, str]:
    """Return whether exactly one host takes writes, and the words for it."""
    clusters = {name: one for name, one in nodes.items() if isinstance(one, str) or one.version}
    known = {name: one for name, one in clusters.items() if isinstance(one, Node) and one.server}
    unknown = [name for name in clusters if name not in known]
    writable = [one for one in known.values() if one.takes_writes]
    rest = f"; {', '.join(unknown)} could not be asked" if unknown else ""
    if len(writable) > 1:
        names = " and ".join(f"{one.name} (timeline {one.timeline})" for one in writable)
        words = f"{names} both take writes{rest}. The higher timeline was promoted last"
        return False, f"{words}: fab db.fence the one that is not to be primary."
    if not writable:
        return False, f"none takes writes{rest}. Start the primary, or fab db.failover."
    standbys = [name for name, one in known.items() if one.is_standby]
    after = f", {' and '.join(standbys)} standby" if standbys else ""
    return True, f"{writable[0].name} is primary{after}{rest}"


def lag_of(standby: Node, primary: Node | None) -> Lag | None:
    """Return a standby's lag; None of a host that is none, or when nobody is the primary.

    The two are asked one after the other: under load that alone is some bytes.
    """
    if primary is None or primary.server is None:
        return None
    if standby.server is None or not standby.server.is_standby:
        return None
    behind = max(0, primary.server.lsn - standby.server.replay_lsn)
    return Lag(behind, standby.server.replay_age_seconds if behind else 0.0)


def is_foreign(one: Node, primary: Node) -> bool:
    """Return True for a cluster that was never a copy of the primary's."""
    if one.control is None or primary.control is None:
        return False
    return one.control.system_identifier != primary.control.system_identifier


def findings(nodes: Mapping[str, Node | str]) -> Iterator[Finding]:
    """Yield what is wrong, host by host; nothing when all is well.

    Who does not answer is told elsewhere, and so is how many take writes.
    """
    primary = the_primary(nodes)
    for one in nodes.values():
        if isinstance(one, Node) and one.version:
            yield from _of_files(one)
            yield from _of_server(one, primary)


def _of_files(one: Node) -> Iterator[Finding]:
    if one.rewinding:
        words = f"a rewind was cut off ({one.rewinding}): fab db.standby {one.name} --reclone."
        yield Finding(one.name, words)
    if one.procedure is not None:
        words = "a failover is under way here, or was cut off: the same fab db.failover again"
        yield Finding(one.name, f"{words} finishes it, or takes it back.")
    if one.marker == "unreadable":
        words = "its role marker is no JSON: as a primary nothing starts it."
        yield Finding(one.name, f"{words} fab db.unfence {one.name} writes it anew.")
    yield from _of_fence(one)
    if one.peer_is_dead:
        words = "may start once without asking its peers (fab db.unfence --peer-is-dead)."
        yield Finding(one.name, words, is_red=False)
    if one.control and not one.control.checksums and not one.control.wal_log_hints:
        words = "has neither checksums nor wal_log_hints: it can never be rewound, only cloned."
        yield Finding(one.name, words, is_red=False)


def _of_fence(one: Node) -> Iterator[Finding]:
    is_fenced = one.marker == FENCED and not one.standby_signal  # a standby's says it, too
    if is_fenced and not one.takes_writes:
        words = f"is fenced ({one.marker_words}). fab db.rejoin {one.name} makes it a standby"
        yield Finding(one.name, f"{words}, fab db.unfence {one.name} the primary it was.")
    elif one.takes_writes and is_fenced and not one.fence:
        words = "is fenced by its marker, takes writes, and nothing keeps applications out"
        yield Finding(one.name, f"{words}: fab db.fence {one.name}.")
    elif one.takes_writes and one.marker not in (PRIMARY, "unreadable"):
        words = f"takes writes, and its marker says {one.marker or 'nothing'}: it would not"
        yield Finding(one.name, f"{words} start again. fab apply.")
    if (one.fence or one.fence_file) and (one.marker == PRIMARY or one.standby_signal):
        is_what = "it is a standby" if one.standby_signal else "its marker says primary"
        words = f"keeps applications out of the database, and {is_what}"
        yield Finding(one.name, f"{words}: fab db.unfence {one.name}.")
    elif one.fence != one.fence_file:
        words = "until its next boot only" if one.fence else "only after its next boot"
        yield Finding(one.name, f"is fenced {words}: fab db.fence {one.name} again.")
    if one.start_conf != "auto" and not is_fenced:
        words = f"start.conf says {one.start_conf or 'nothing'}: no boot starts it."
        yield Finding(one.name, words)


def _of_server(one: Node, primary: Node | None) -> Iterator[Finding]:
    if one.server is None:
        if one.marker != FENCED or one.standby_signal:
            yield Finding(one.name, _why_down(one))
        return
    if one.server.is_standby:
        yield from _of_standby(one, primary)
    for slot in one.server.slots:
        yield from _of_slot(one, slot)


def _why_down(one: Node) -> str:
    guard = one.guard or {}
    if one.unit in ("failing", "activating") and guard.get("decision") == "refuse":
        return f"its guard refuses to start it, again and again: {guard.get('why')}"
    return (
        f"its PostgreSQL does not answer ({one.unit or 'no unit'}): {one.said}. "
        f"journalctl -u 'postgresql@{one.version}-main'"
    )


def _of_standby(one: Node, primary: Node | None) -> Iterator[Finding]:
    assert one.server is not None
    if one.server.is_replay_paused:
        words = "its replay is paused: SELECT pg_wal_replay_resume(), if nobody wants that"
        yield Finding(one.name, f"{words}, or a setting is lower than the primary's.")
    if primary is None or primary.server is None:
        return
    if is_foreign(one, primary):
        words = f"is no copy of {primary.name}: it has another system identifier."
        yield Finding(one.name, f"{words} fab db.standby {one.name} --reclone.")
        return
    if not one.is_streaming:
        status = one.server.receiver.status if one.server.receiver else "no receiver runs"
        words = f"does not stream from {primary.name}: {status}. Its log says why"
        yield Finding(one.name, f"{words}: journalctl, /var/log/postgresql.")
    elif one.timeline != primary.timeline:
        words = f"is on timeline {one.timeline}, {primary.name} on {primary.timeline}."
        yield Finding(one.name, words)
    yield from _of_lag(one, primary)
    for name in NOT_LESS:
        own, wanted = (
            each.server.settings.get(name, "0") for each in (one, primary) if each.server
        )
        if int(own) < int(wanted):
            words = f"{name} is {own}, {primary.name} has {wanted}: its replay stops. fab apply."
            yield Finding(one.name, words)


def _of_lag(one: Node, primary: Node) -> Iterator[Finding]:
    lag = lag_of(one, primary)
    if lag is None:
        return
    if lag.size_bytes > MOST_LAG_BYTES:
        yield Finding(one.name, f"is too far behind {primary.name}: {lag}.")
    elif lag.size_bytes > SLOW_BYTES and (lag.seconds or 0.0) > SLOW_SECONDS:
        yield Finding(one.name, f"is behind {primary.name}: {lag}.", is_red=False)


def _of_slot(one: Node, slot: Slot) -> Iterator[Finding]:
    kept = sized(slot.kept_bytes)
    if slot.wal_status == "lost":
        words = f"slot {slot.name} has lost what it was to keep: that standby has to be made anew"
        yield Finding(one.name, f"{words}, fab db.standby --reclone.")
    elif slot.wal_status == "unreserved":
        words = f"slot {slot.name} is about to lose what it keeps ({kept}): bring its standby back"
        yield Finding(one.name, f"{words}, at once.")
    elif slot.restart_lsn is None or slot.is_active:
        return
    elif one.takes_writes:
        yield Finding(one.name, f"slot {slot.name} keeps {kept} for a standby that is not there.")
    elif slot.kept_bytes > HELD_BYTES:
        words = f"slot {slot.name} keeps {kept}, and a standby needs none"
        yield Finding(one.name, f"{words}: fab db.rejoin {one.name} makes it anew.", is_red=False)
