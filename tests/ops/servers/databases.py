"""The fleet's databases, as tests ask and wait for them."""

import time
from collections.abc import Callable

from tests.ops.rehearsal import Rehearsal

DATA = "/var/lib/postgresql/17/main"
STREAMS = "SELECT application_name, state FROM pg_stat_replication ORDER BY 1"
PATIENCE_SECONDS = 120.0


def rows(rehearsal: Rehearsal, host: str, sql: str) -> list[str]:
    """Ask a host's database as its superuser; [] when nobody answers."""
    command = ["runuser", "-u", "postgres", "--", "psql", "-XAtqc", sql]
    return rehearsal.run(host, ["sh", "-c", '"$@" || :', "-", *command]).splitlines()


def wait_for(is_so: Callable[[], bool], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until it is so; fail with `what` when it never is."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited for {what} in vain"
        time.sleep(0.5)


def drop(rehearsal: Rehearsal, host: str) -> None:
    """Make a database host as bare as its package leaves it."""
    gone = "rm -rf /etc/postgresql/17 /var/lib/postgresql/17"
    rehearsal.run(host, ["sh", "-c", f"systemctl stop postgresql@17-main; {gone}"])
