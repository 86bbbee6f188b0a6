"""From a base backup to a moment, with real servers: before a mistake, over a failover, to the end.

The base is the standby's. What the servers have archived is what recovery gets; nothing is
encrypted here, and no S3 is in the way: that is tested with the commands.
"""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from backups.cluster import ThrowAway
from backups.errors import ClusterError, DamagedBackup, StoreSilent
from backups.recovery import Reached, Recovering, check_files, recovered
from backups.wal_feed import WalFeed
from tests.backups.archiving import archiving_pair
from tests.postgresql import PORT, program

BEFORE, LATER, AFTER = 100, 20, 3
PROGRAMS = program("postgres").parent


@dataclass(frozen=True, slots=True)
class Story:
    """A base, and what happened then. Each moment lies between two events."""

    base: Path
    wal: Mapping[str, Path]
    before_the_delete: datetime
    after_the_failover: datetime
    over: datetime
    in_the_gap: str  # a segment that the later moments need


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    with archiving_pair() as archiving, TemporaryDirectory(prefix="stillhere-story-") as place:
        pair = archiving.pair
        pair.primary.ask("CREATE TABLE ping (number int)")
        pair.primary.ask("INSERT INTO ping SELECT generate_series(1, %s)", BEFORE)
        archiving.switch()
        pair.catch_up()
        base = Path(place) / "base.tar"
        where = ("-h", str(pair.standby.directory), "-p", str(PORT), "-U", "stillhere")
        command = [
            str(program("pg_basebackup")),
            *where,
            "-D",
            "-",
            "-Ft",
            "-X",
            "fetch",
            "-c",
            "fast",
        ]
        with base.open("wb") as file:
            subprocess.run(command, check=True, stdout=file)
        pair.primary.ask("INSERT INTO ping SELECT generate_series(1, %s)", LATER)
        before_the_delete = archiving.now()
        pair.primary.ask("DELETE FROM ping")
        gap = archiving.switch()
        pair.primary.ask("INSERT INTO ping VALUES (1)")
        pair.catch_up()
        pair.primary.stop()
        pair.promote()
        pair.standby.ask("INSERT INTO ping VALUES (2)")
        after_the_failover = archiving.now(pair.standby)
        pair.standby.ask("INSERT INTO ping VALUES (3)")
        over = archiving.now(pair.standby)
        archiving.switch(pair.standby)
        wal = archiving.finished(pair.primary) | archiving.finished(pair.standby)
        yield Story(base, wal, before_the_delete, after_the_failover, over, gap)


@contextmanager
def _recovered(
    story: Story, at: datetime | None, wal: Mapping[str, Path] | None = None, *, kept: bool = False
) -> Iterator[tuple[Recovering, Reached]]:
    wal = story.wal if wal is None else wal
    with TemporaryDirectory(prefix="stillhere-recovery-") as place:
        cluster = _unpacked(story, Path(place))
        folder = Path(place) / "wal"
        folder.mkdir()
        cluster.own(folder)

        def fetch(name: str, path: Path) -> None:
            path.write_bytes(wal[name].read_bytes())

        names = sorted(wal, key=lambda name: (name[8:], name))
        feed = WalFeed(folder, names, fetch, cluster.own, lambda _: None)
        with recovered(Path(place), PROGRAMS, feed, at, is_kept=kept) as found:
            yield found


def _unpacked(story: Story, place: Path) -> ThrowAway:
    cluster = ThrowAway(place, PROGRAMS)
    cluster.data.mkdir(0o700)
    subprocess.run(["tar", "-xf", story.base, "-C", cluster.data], check=True)
    cluster.own(place, *(cluster.data, *cluster.data.rglob("*")))
    return cluster


def _pings(cluster: Recovering) -> int:
    return int(str(cluster.ask("SELECT count(*) FROM ping", "stillhere")[0]))


def test_a_mistake_is_undone_by_going_to_the_moment_before_it(story: Story) -> None:
    with _recovered(story, story.before_the_delete) as (cluster, reached):
        assert _pings(cluster) == BEFORE + LATER
        assert reached.last_transaction_at is not None
        assert reached.last_transaction_at < story.before_the_delete


def test_the_way_goes_on_over_a_failover(story: Story) -> None:
    with _recovered(story, story.after_the_failover, kept=True) as (cluster, reached):
        assert _pings(cluster) == 2
        assert reached.timeline == 3
        assert cluster.ask("SHOW fsync") == ("on",)


def test_without_a_moment_it_goes_to_the_end(story: Story) -> None:
    with _recovered(story, None) as (cluster, _):
        assert _pings(cluster) == AFTER


def test_a_gap_before_the_moment_is_an_error_that_says_where_it_ends(story: Story) -> None:
    wal = {name: path for name, path in story.wal.items() if name != story.in_the_gap}
    with (
        pytest.raises(ClusterError, match=r"WAL ends before .* The last transaction there is of"),
        _recovered(story, story.after_the_failover, wal),
    ):
        pass


def test_a_moment_that_is_not_archived_yet_is_refused(story: Story) -> None:
    with (
        pytest.raises(ClusterError, match="WAL ends before"),
        _recovered(story, story.over + timedelta(hours=1)),
    ):
        pass


def test_a_file_that_cannot_be_fetched_is_not_taken_for_the_end(story: Story) -> None:
    class Broken(dict[str, Path]):
        def __getitem__(self, name: str) -> Path:
            if name == story.in_the_gap:
                raise StoreSilent("nobody answers")
            return super().__getitem__(name)

    with pytest.raises(StoreSilent), _recovered(story, None, Broken(story.wal)):
        pass


def test_files_that_are_not_those_that_were_copied_are_damaged(story: Story) -> None:
    with TemporaryDirectory(prefix="stillhere-recovery-") as place:
        cluster = _unpacked(story, Path(place))
        check_files(cluster)
        changed = max(cluster.data.glob("base/*/*"), key=lambda path: path.stat().st_size)
        changed.write_bytes(changed.read_bytes()[:-1] + b"?")
        with pytest.raises(DamagedBackup, match="not those that were copied"):
            check_files(cluster)
