"""What PostgreSQL is given of its host. Pure.

The rules are those of PostgreSQL's own documentation (Resource Consumption, WAL
Configuration) and of its wiki ("Tuning Your PostgreSQL Server"):

    shared_buffers        a quarter of the memory, 8 GB at most: beyond it checkpoints cost more
    effective_cache_size  three quarters: what it and the kernel keep together
    maintenance_work_mem  a sixteenth, 1 GB at most; three autovacuum workers may take it at once
    work_mem              a quarter shared by all connections; 4 to 64 MB. A sort may take it twice
    max_wal_size          a quarter of the memory, 1 to 8 GB: a checkpoint by time, not by size

Memory is taken in whole gigabytes (quarters below two): a kernel that keeps some
megabytes more must not restart a database.
"""

from dataclasses import dataclass

MB, GB = 2**20, 2**30
CONNECTIONS_TO_SPARE = 20  # a superuser's, backups', checks', standbys'
CONNECTIONS_STEP = 50  # another server or two need no restart


@dataclass(frozen=True, slots=True)
class Tuning:
    """Values of settings, memory in megabytes."""

    max_connections: int
    shared_buffers_mb: int
    effective_cache_size_mb: int
    maintenance_work_mem_mb: int
    work_mem_mb: int
    min_wal_size_mb: int
    max_wal_size_mb: int


def tuning(memory_bytes: int, connections: int) -> Tuning:
    """Return what fits a host of so much memory, and applications that open so many connections."""
    memory = _rounded(memory_bytes) // MB
    most = -(-(connections + CONNECTIONS_TO_SPARE) // CONNECTIONS_STEP) * CONNECTIONS_STEP
    wal = min(max(memory // 4, 1024), 8192)
    return Tuning(
        max_connections=most,
        shared_buffers_mb=min(max(memory // 4, 64), 8192),
        effective_cache_size_mb=max(memory * 3 // 4, 128),
        maintenance_work_mem_mb=min(max(memory // 16, 32), 1024),
        work_mem_mb=min(max(memory // 4 // most, 4), 64),
        min_wal_size_mb=wal // 4,
        max_wal_size_mb=wal,
    )


def _rounded(memory_bytes: int) -> int:
    step = GB if memory_bytes >= 2 * GB - GB // 4 else GB // 4
    return max(round(memory_bytes / step), 1) * step
