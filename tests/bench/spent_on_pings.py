"""What pings took: wall-clock and CPU seconds, of this process and of PostgreSQL."""

import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Spent:
    """What a number of pings took: wall-clock, and CPU seconds of the drain and of PostgreSQL."""

    way: str
    pings: int
    seconds: float
    drain_cpu: float
    database_cpu: float

    @property
    def rate(self) -> float:
        """Return pings a second."""
        return self.pings / self.seconds

    @property
    def drain_per_10000(self) -> float:
        """Return the drain's CPU seconds for 10,000 pings."""
        return self.drain_cpu / self.pings * 10_000

    @property
    def database_per_10000(self) -> float:
        """Return PostgreSQL's CPU seconds for 10,000 pings, all its processes together."""
        return self.database_cpu / self.pings * 10_000

    @property
    def per_10000(self) -> float:
        """Return the CPU seconds for 10,000 pings."""
        return self.drain_per_10000 + self.database_per_10000


class Meter:
    """Counts from its making on."""

    def __init__(self, way: str) -> None:
        self.way, self.pings = way, 0
        self._begin = time.monotonic(), time.process_time(), _database_cpu()

    def now(self) -> Spent:
        """Return what was spent until now."""
        seconds, drain_cpu, database_cpu = self._begin
        return Spent(
            self.way,
            self.pings,
            time.monotonic() - seconds,
            time.process_time() - drain_cpu,
            _database_cpu() - database_cpu,
        )


def _database_cpu() -> float:
    """Return the CPU seconds of all processes of the cluster; 0 for SQLite."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0.0
    connection.ensure_connection()
    postmaster = psutil.Process(connection.connection.info.backend_pid).parent()
    assert postmaster is not None
    all_of_it = [postmaster, *postmaster.children()]
    times = [process.cpu_times() for process in all_of_it]
    # Those of the postmaster's ended children count too.
    ended = times[0].children_user + times[0].children_system
    return float(sum(each.user + each.system for each in times) + ended)
