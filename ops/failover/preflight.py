"""May a failover begin? P1 to P9, pure: from what the hosts have said, and nothing else.

P1 (nobody else is at work) is the sessions' lock, and P9 a person's typed name. What is red
says which host, which port, and what to do.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ops.backups.listed import Known, Listed, in_words, why_not_recent
from ops.databases.judging import MOST_LAG_BYTES, NOT_LESS, lag_of, sized, the_primary
from ops.databases.node import FENCED, Node
from provisioning.flows import POSTGRESQL

LEAST_FREE_SHARE, LEAST_FREE_BYTES = 0.05, 1 << 30
LEAST_OPTIONS = ("connect_timeout", "keepalives_idle", "tcp_user_timeout")
_WHO = {
    True: "one primary, and the standby follows it",
    False: "the standby is one, and nobody beside the old primary takes writes",
}


@dataclass(frozen=True, slots=True)
class Judgement:
    """One point of the list; red ones stop."""

    point: str
    words: str
    is_red: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted: which host is to be the primary, and in which manner.

    `is_resumed`: the old primary is down already, by our own hand.
    """

    new: str
    is_primary_lost: bool = False
    without_backup: bool = False
    is_resumed: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """What was asked.

    `logins`: by application server, why it cannot log in at the new one as the
    application, "" when it can. `replication`: the same of the old one, as a standby.
    `urls`: by application server, hosts and options of its DATABASE_URL, or {"lacks": ...}.
    `databases`: address and port of each database host. `slot`: of the old one on the new one.
    `backups` is not asked for, and None, when the failover is to go on without one.
    """

    nodes: Mapping[str, Node | str]
    logins: Mapping[str, str]
    replication: str
    urls: Mapping[str, Mapping[str, Any]]
    databases: Sequence[str]
    slot: str
    backups: Known = None


def judged(plan: Plan, seen: Seen) -> list[Judgement]:
    """Return all points, P2 to P8; nothing may begin while one of them is red."""
    found = list[Judgement]()
    new = seen.nodes[plan.new]
    if isinstance(new, str):
        return [Judgement("P2", f"{plan.new} cannot be asked: {new}", is_red=True)]
    old = the_primary(seen.nodes)
    is_planned = not (plan.is_primary_lost or plan.is_resumed)
    points: dict[str, tuple[Iterator[str], str]] = {
        "P2": (_roles(plan, seen, old, new), _WHO[is_planned]),
        "P3": (_sameness(old, new), "the same database, version and timeline"),
        "P4": (_calm(old, new, is_planned=is_planned), "nothing is in the way"),
        "P5": (_logins(plan, seen), "every application server, and replication, can log in"),
        "P6": (_fitness(plan, seen, old, new), "checksums, slots, room on the disks"),
        "P7": (_urls(seen), "every DATABASE_URL names all database hosts"),
        "P8": (_backup(plan, seen), _which_backup(plan, seen.backups)),
    }
    for point, (reasons, all_well) in points.items():
        reds = [Judgement(point, words, is_red=True) for words in reasons]
        found += reds or [Judgement(point, all_well)]
    return found


def _roles(plan: Plan, seen: Seen, old: Node | None, new: Node) -> Iterator[str]:
    if new.server is None:
        yield f"{new.name}: its PostgreSQL does not answer: {new.said}"
        return
    if not new.server.is_standby:
        yield f"{new.name} takes writes: it is no standby."
        return
    if new.fence or new.start_conf != "auto":
        yield (
            f"{new.name} is fenced: applications could not get in. fab db.rejoin {new.name}, or "
            f"fab db.unfence {new.name}."
        )
    writable = [
        one.name for one in seen.nodes.values() if isinstance(one, Node) and one.takes_writes
    ]
    if len(writable) > 1:
        names = " and ".join(writable)
        yield f"{names} both take writes. fab db.fence the one that is not the primary."
    yield from _ahead(plan, seen, new)
    if plan.is_primary_lost or plan.is_resumed:
        return
    if not writable:
        silent = [f"{name}: {one}" for name, one in seen.nodes.items() if isinstance(one, str)]
        why = f" ({'; '.join(silent)})" if silent else ""
        yield f"no host takes writes{why}. When the primary is lost: --primary-lost."
    elif old is not None and old.server is not None:
        if old.fence or old.marker == FENCED:
            yield f"{old.name} is fenced. fab db.unfence {old.name} first."
        fed = [one.name for one in old.server.replicas if one.state == "streaming"]
        if new.name not in fed or not new.is_streaming:
            yield (
                f"{new.name} does not stream from {old.name} (port {POSTGRESQL.port}): "
                f"fab db.status, then fab db.rejoin {new.name}."
            )


def _ahead(plan: Plan, seen: Seen, new: Node) -> Iterator[str]:
    """Yield the standbys that have more of a lost primary than the one that is to follow it."""
    assert new.server is not None
    if not plan.is_primary_lost:
        return
    for one in seen.nodes.values():
        if isinstance(one, str) or one.server is None or not one.server.is_standby:
            continue
        if (one.timeline, one.server.lsn) > (new.timeline, new.server.lsn):
            yield (
                f"{one.name} has more of it than {new.name}: fab db.failover --to {one.name} "
                "--primary-lost loses less."
            )


def _sameness(old: Node | None, new: Node) -> Iterator[str]:
    if old is None:
        return
    for name, one, other in (
        ("system identifier", _system(old), _system(new)),
        ("version", old.version, new.version),
        ("timeline", str(old.timeline), str(new.timeline)),
    ):
        if one != other:
            yield (
                f"{name}: {old.name} has {one}, {new.name} has {other}. "
                f"fab db.standby {new.name} --reclone makes it a copy."
            )


def _calm(old: Node | None, new: Node, *, is_planned: bool) -> Iterator[str]:
    """Yield what would make the stop or the promotion long, or lose something."""
    if new.server is not None and new.server.is_replay_paused:
        yield f"{new.name}: its replay is paused. SELECT pg_wal_replay_resume() there."
    if not is_planned or old is None or old.server is None or new.server is None:
        return
    lag = lag_of(new, old)
    if lag is not None and lag.size_bytes >= MOST_LAG_BYTES:
        yield f"{new.name} is too far behind {old.name}: {lag}. Wait; fab db.status shows it."
    for one in (old, new):
        assert one.server is not None
        if one.server.base_backups:
            yield f"{one.name}: a base backup is being taken. Wait until it is done."
        for open_one in one.server.long_transactions:
            yield (
                f"{one.name}: process {open_one.pid} ({open_one.application or 'no name'}) has a "
                f"transaction open since {open_one.seconds:.0f} s. Wait, or end it."
            )
    if old.server.prepared_transactions:
        yield f"{old.name}: {old.server.prepared_transactions} prepared transactions. End them."
    for name in NOT_LESS:
        its, wanted = new.server.settings.get(name), old.server.settings.get(name)
        if its != wanted:
            yield f"{name}: {old.name} has {wanted}, {new.name} has {its}. fab apply, on both."


def _logins(plan: Plan, seen: Seen) -> Iterator[str]:
    for server, words in seen.logins.items():
        if words:
            yield f"{server}: {words}"
    if seen.replication and not plan.is_primary_lost:
        yield seen.replication


def _fitness(plan: Plan, seen: Seen, old: Node | None, new: Node) -> Iterator[str]:
    for one in (old, new):
        if one and one.control and not (one.control.checksums or one.control.wal_log_hints):
            yield f"{one.name}: neither checksums nor wal_log_hints: it could not be rewound."
    if new.server is not None and not plan.is_primary_lost:
        slots = {one.name: one for one in new.server.slots}
        if seen.slot not in slots:
            yield f"{new.name}: has no slot {seen.slot} for the standby to come. fab apply."
    for one in (old, new):
        if one is None or (plan.is_primary_lost and one is old):
            continue
        least = min(LEAST_FREE_BYTES, LEAST_FREE_SHARE * one.disk_size_bytes)
        if one.disk_free_bytes < least:
            yield f"{one.name}: {sized(one.disk_free_bytes)} free on its disk. Make room first."


def _urls(seen: Seen) -> Iterator[str]:
    for server, url in seen.urls.items():
        if "lacks" in url:
            yield f"{server}: {url['lacks']} is missing. fab apply."
            continue
        options = url["options"]
        for address in seen.databases:
            if address not in url["hosts"]:
                yield f"{server}: its DATABASE_URL does not name {address}. fab apply, then deploy."
        if options.get("target_session_attrs") != "read-write":
            yield f"{server}: its DATABASE_URL does not ask for who takes writes. fab apply."
        if missing := [name for name in LEAST_OPTIONS if name not in options]:
            yield f"{server}: its DATABASE_URL lacks {', '.join(missing)}. fab apply."


def _backup(plan: Plan, seen: Seen) -> Iterator[str]:
    if not plan.without_backup and (why := why_not_recent(seen.backups)):
        yield f"{why} Or say --without-backup: the report keeps that."


def _which_backup(plan: Plan, known: Known) -> str:
    if plan.without_backup or not isinstance(known, Listed) or known.newest_verified is None:
        return "left out, by --without-backup"
    return f"{in_words(known, known.newest_verified)} came back"


def _system(one: Node) -> str:
    return one.control.system_identifier if one.control else "unknown"
