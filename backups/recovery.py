"""Let PostgreSQL go from a base backup's files to a moment, and be a primary there.

    files of a base --> checked with their own manifest --> WAL, up to the moment --> promoted

What is there is a cluster's data directory, whoever it was: settings of that server are
not used, nobody but us comes in, nothing is archived. Until it is promoted nothing of it
can be read; cut off before that, the files are of no use.
"""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg2

from backups.cluster import ThrowAway, run
from backups.errors import ClusterError, DamagedBackup
from backups.wal_feed import WalFeed

RECOVERY_SECONDS = 24 * 3600.0
_VERIFY_SECONDS = 6 * 3600
_SUPERUSERS = ("postgres", "stillhere")  # Debian's; that of a cluster which an account made
_STATUS_LINE = 7  # of postmaster.pid, counted from 0: starting, standby, ready, stopping
_LAST = re.compile(r"last completed transaction was at log time (\S+ \S+)")
_TOO_EARLY = "recovery ended before configured recovery target was reached"


@dataclass(frozen=True, slots=True)
class Reached:
    """Where recovery has ended: the last transaction that it applied, None when there was none."""

    last_transaction_at: datetime | None
    timeline: int


@dataclass(slots=True)
class Recovering(ThrowAway):
    """A server on the files of a base backup; it `answers` when it is a primary."""

    superuser: str = ""

    def answers(self) -> bool:
        """Tell whether recovery has ended; no connection is tried before, each would be logged."""
        with contextlib.suppress(OSError):
            lines = (self.data / "postmaster.pid").read_text("utf-8").splitlines()
            return len(lines) > _STATUS_LINE and lines[_STATUS_LINE].strip() == "ready"
        return False

    def ask(self, question: str, database: str = "postgres") -> tuple[object, ...]:
        """Return the first row of the answer, as the superuser. ClusterError when there is none."""
        for user in (self.superuser,) if self.superuser else _SUPERUSERS:
            try:
                with contextlib.closing(psycopg2.connect(self.conninfo(database, user))) as raw:
                    self.superuser = user
                    with raw.cursor() as cursor:
                        cursor.execute(question)
                        row: tuple[object, ...] = cursor.fetchone() or ()
                        return row
            except psycopg2.OperationalError:
                continue
            except psycopg2.Error as error:
                raise ClusterError(f"What was restored does not answer: {error}") from None
        raise ClusterError(f"Nobody comes into what was restored: {self.last_words()}")


def check_files(cluster: ThrowAway) -> None:
    """Compare the files with the manifest that PostgreSQL made of them, its WAL too."""
    command = [str(cluster.programs / "pg_verifybackup"), "--quiet", str(cluster.data)]
    try:
        run(command, _VERIFY_SECONDS, "pg_verifybackup")
    except ClusterError as error:
        raise DamagedBackup(f"The files are not those that were copied: {error}") from None


@contextlib.contextmanager
def recovered(
    folder: Path, programs: Path, feed: WalFeed, at: datetime | None, *, is_kept: bool
) -> Iterator[tuple[Recovering, Reached]]:
    """Run a server on `folder`/data when it has reached the moment; it stops at the end.

    `at` is aware; None is the end of all WAL that `feed` has. `is_kept` syncs what is
    written. ClusterError when recovery ends before, or `feed`'s own error.
    """
    (folder / "data" / "standby.signal").unlink(missing_ok=True)
    cluster = Recovering(folder, programs, _settings(folder, feed, at, is_kept=is_kept))
    _write(cluster, folder / "data" / "recovery.signal", "")
    _write(cluster, folder / "postgresql.conf", "")
    _write(cluster, folder / "pg_hba.conf", "local all all trust\n")
    _write(cluster, folder / "pg_ident.conf", "")
    try:
        _replay(cluster, feed, at)
        yield cluster, _reached(cluster)
    finally:
        cluster.stop()


def _replay(cluster: Recovering, feed: WalFeed, at: datetime | None) -> None:
    """Start the server, and return when it has reached the moment."""
    feed.start()
    try:
        cluster.start(RECOVERY_SECONDS)
    except ClusterError as error:
        raise feed.error or _explained(cluster, at, error) from None
    except BaseException:
        # Whoever is told to end leaves no server; it must not wait for the feed, which goes first.
        cluster.stop()
        raise
    finally:
        feed.stop()


def _settings(folder: Path, feed: WalFeed, at: datetime | None, *, is_kept: bool) -> dict[str, str]:
    target = {"recovery_target_time": at.astimezone(UTC).isoformat()} if at else {}
    synced = {"fsync": "on", "full_page_writes": "on"} if is_kept else {}
    return synced | target | {
        "config_file": str(folder / "postgresql.conf"),
        "hba_file": str(folder / "pg_hba.conf"),
        "ident_file": str(folder / "pg_ident.conf"),
        "restore_command": feed.restore_command,
        "recovery_target_timeline": "latest",
        "recovery_target_action": "promote",
        # What it asked of a standby's settings, the primary's, need not be met by us.
        "hot_standby": "off",
        "primary_conninfo": "",
        "primary_slot_name": "",
        "synchronous_standby_names": "",
        "shared_preload_libraries": "",
        "archive_mode": "off",
        "ssl": "off",
        "lc_messages": "C",
        "log_timezone": "UTC",
        "timezone": "UTC",
    }  # fmt: skip


def _write(cluster: ThrowAway, path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
    cluster.own(path)


def _reached(cluster: Recovering) -> Reached:
    # pg_control has the old timeline until the checkpoint after the promotion.
    name = "pg_walfile_name(pg_current_wal_lsn())"
    last, wal = cluster.ask(f"SELECT pg_last_xact_replay_timestamp(), {name}")
    return Reached(last if isinstance(last, datetime) else None, int(str(wal)[:8], 16))


def _explained(cluster: ThrowAway, at: datetime | None, error: ClusterError) -> ClusterError:
    """Say in an operator's words why the moment was not reached, where the log tells."""
    with contextlib.suppress(OSError):
        log = (cluster.folder / "log").read_text("utf-8", "replace")
        if at and _TOO_EARLY in log:
            last = _LAST.findall(log)
            ended = f"The last transaction there is of {last[-1]} UTC." if last else "It has none."
            return ClusterError(f"WAL ends before {at.astimezone(UTC).isoformat()}. {ended}")
    return error
