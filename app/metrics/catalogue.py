"""Every metric there is: this is where each has its name, unit, labels and meaning. Pure.

docs/metrics.md is made of it. Names are Prometheus's: base units, `_total` for what
only grows, labels that are small closed sets. What a program cannot know at a scrape
it leaves out: a gap is honest, a zero is not.
"""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """How a metric behaves; Prometheus's words."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Source(StrEnum):
    """Which program says it."""

    RECEIVER = "receiver"
    DRAIN = "drain"
    BOTH = "receiver, drain"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `bounds`: the upper bounds of a histogram's buckets, without infinity."""

    name: str
    kind: Kind
    source: Source
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()


_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_PINGS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000)


def _counter(name: str, source: Source, text: str, *labels: str) -> Metric:
    return Metric(f"stillhere_{name}", Kind.COUNTER, source, text, labels)


def _gauge(name: str, source: Source, text: str, *labels: str) -> Metric:
    return Metric(f"stillhere_{name}", Kind.GAUGE, source, text, labels)


def _histogram(name: str, source: Source, text: str, bounds: tuple[float, ...]) -> Metric:
    return Metric(f"stillhere_{name}", Kind.HISTOGRAM, source, text, (), bounds)


_R, _D = Source.RECEIVER, Source.DRAIN

# --- of a receiver --------------------------------------------------------------
TAKEN = _counter("pings_taken_total", _R, "Pings that are durable in this receiver's journal.")
REFUSED = _counter(
    "pings_refused_total", _R, "Requests answered with an error, by HTTP status.", "status"
)
QUEUED = _gauge("pings_queued", _R, "Pings taken since the start that are not in the database.")
DWELL = _gauge("pings_dwell_seconds", _R, "Age of the oldest ping that is not in the database.")
COMMIT_SECONDS = _histogram(
    "journal_commit_seconds", _R, "Writing and syncing one batch of the journal.", _SECONDS
)
COMMIT_PINGS = _histogram(
    "journal_commit_pings", _R, "Pings that one sync of the journal made durable.", _PINGS
)
WRITTEN = _counter("journal_written_bytes_total", _R, "Bytes that were made durable.")
JOURNAL_REFUSALS = _counter(
    "journal_refusals_total",
    _R,
    "Batches that the journal refused: full, or broken (the disk refused).",
    "reason",
)
USED = _gauge("journal_used_bytes", _R, "Size of the journal, kept segments included.")
LIMIT = _gauge("journal_limit_bytes", _R, "Bound of the journal (JOURNAL_LIMIT_BYTES).")
HEALTH = _gauge("receiver_healthy", _R, "1 when /-/prompt or /-/accepting says 200.", "level")
CONNECTIONS = _gauge("receiver_connections", _R, "Open connections of clients.")
CHECKS = _gauge("directory_checks", _R, "Checks that the receiver knows.")
DRAIN_LINKED = _gauge("drain_linked", _R, "1 while the drain is connected to this receiver.")
DRAIN_SAID = _gauge(
    "drain_said_seconds", _R, "How long ago the drain said the figures that are shown here."
)

# --- of the drain, on the page of every receiver of its server -------------------
BATCH_SECONDS = _histogram(
    "drain_batch_seconds", _D, "Applying one batch to the database, with its commit.", _SECONDS
)
BATCH_PINGS = _histogram("drain_batch_pings", _D, "Pings of one batch.", _PINGS)
APPLIED = _counter("drain_pings_applied_total", _D, "Pings that became rows.")
DROPPED = _counter("drain_pings_dropped_total", _D, "Pings of checks that do not exist.")
DATABASE = _gauge("drain_database_connected", _D, "1 while the drain has its database.")
BACKLOG = _gauge(
    "journal_backlog_bytes", _D, "Bytes of a journal that are not in the database.", "slot"
)
STUCK = _gauge("journal_stuck", _D, "1 when a person has to look before it is drained.", "slot")
DAMAGED = _gauge(
    "journal_damaged_frames", _D, "Damaged places kept aside for a person to look at.", "slot"
)
DAMAGED_BYTES = _gauge("journal_damaged_bytes", _D, "Bytes of those.", "slot")
ASIDE = _gauge("journal_refused_pings", _D, "Pings that the database refused, kept aside.", "slot")
KEPT = _gauge(
    "journal_kept_bytes", _D, "Segments that are drained and kept for a failover.", "slot"
)
KEPT_SHORT = _gauge(
    "journal_kept_short",
    _D,
    "1 when segments had to go before their time to make room: a failover could lose pings.",
    "slot",
)
UNFLUSHED = _gauge(
    "standby_unflushed_bytes", _D, "WAL that the standby that is furthest behind has not flushed."
)

# --- of each program ----------------------------------------------------------------
CPU = _counter("process_cpu_seconds_total", Source.BOTH, "CPU time, user and system.", "program")
MEMORY = _gauge("process_resident_bytes", Source.BOTH, "Memory that is resident.", "program")

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
BY_NAME = {metric.name: metric for metric in METRICS}
