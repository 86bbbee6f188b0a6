"""A base backup and WAL through a real S3, encrypted, and back as a data directory.

One story: a base from the standby, a mistake, a failover, and both hosts ship what they have.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from backups import opening
from backups.base import copying_cluster
from backups.base_into_database import restore_at
from backups.base_restore import Base, restore_to
from backups.cluster import ThrowAway
from backups.encrypt import keyring
from backups.errors import ClusterError, DamagedBackup, NoSpace, RestoreRefused, StoreRefused
from backups.layout import Kind
from backups.listing import listing
from backups.manifest import Manifest
from backups.parcel import Parcel
from backups.parts import Parts
from backups.run import back_up
from backups.settings import Settings, Source, Wal
from backups.ship import Shipped, ship
from backups.store import Store
from backups.unlock import unlock
from backups.wal_store import chain_behind
from tests.backups.archiving import archiving_pair
from tests.backups.drilled import scratch_folder
from tests.backups.keyrings import Key, made_key
from tests.backups.places import connection_to, conninfo_of
from tests.clusters import Node
from tests.postgresql import PORT, Cluster, program
from tests.s3 import KEEPER, OPERATOR, WRITER, Bucket, running_server

PROGRAMS = program("postgres").parent
ROWS = 120


@dataclass(frozen=True, slots=True)
class Story:
    bucket: Bucket
    key: Key
    manifest: Manifest
    before_the_delete: datetime
    shipped: tuple[Shipped, ...]
    spools: tuple[Path, ...]

    def settings(self, scratch: Path) -> Settings:
        return Settings(self.bucket.settings(KEEPER), (self.key.public,), scratch)

    def parcel(self) -> Parcel:
        store = self.bucket.store(KEEPER)
        locked = opening.parcel_of(store, Kind.BASE, self.manifest.id)
        return unlock(locked, self.key.keyring, lambda _: None)


@pytest.fixture(scope="module")
def story() -> Iterator[Story]:
    bucket = running_server().new_bucket()
    with archiving_pair() as archiving, made_key("drill") as key, _place() as scratch:
        pair = archiving.pair
        pair.primary.ask("CREATE TABLE thing (number int)")
        pair.primary.ask("INSERT INTO thing SELECT generate_series(1, %s)", ROWS)
        pair.catch_up()
        settings = Settings(
            bucket.settings(WRITER),
            (key.public,),
            scratch,
            Source(conninfo=_conninfo(pair.standby)),
        )
        manifest = back_up(settings, Kind.BASE, lambda: copying_cluster(settings.source))
        assert manifest is not None
        before = archiving.now()
        pair.primary.ask("DELETE FROM thing")
        archiving.switch()
        pair.catch_up()
        pair.primary.stop()
        pair.promote()
        pair.standby.ask("INSERT INTO thing VALUES (1)")
        archiving.switch(pair.standby)
        shipped = tuple(_ship(settings, spool) for spool in archiving.spools)
        yield Story(bucket, key, manifest, before, shipped, archiving.spools)


def test_a_base_is_of_the_standby_and_says_which_wal_it_needs(story: Story) -> None:
    manifest = story.manifest
    assert manifest.taken_from == "standby"
    assert manifest.wal is not None
    assert manifest.wal.first <= manifest.wal.last
    assert manifest.database.system_identifier
    assert manifest.plain.bytes > manifest.object.bytes > 0


def test_what_both_hosts_have_is_stored_once_and_leaves_the_spools(story: Story) -> None:
    first, second = story.shipped
    assert first.files
    assert first.known == 0
    assert 0 < second.known < second.files  # the new timeline is the second one's own
    assert [path for spool in story.spools for path in spool.rglob("0*")] == []
    assert chain_behind(story.bucket.store(KEEPER), story.manifest).trouble == ""


def test_a_data_directory_comes_back_as_it_was_before_a_mistake(story: Story) -> None:
    with _place() as place:
        restored = restore_to(_base(story, place / "into"), story.before_the_delete)
        assert restored.reached.last_transaction_at is not None
        assert restored.reached.last_transaction_at < story.before_the_delete
        assert [path.name for path in (place / "into").iterdir()] == ["data"]
        assert set(restored.seconds) >= {"files", "check the files", "replay WAL"}
        assert _rows(place / "into") == ROWS


@pytest.mark.long
def test_the_end_of_wal_is_behind_the_failover(story: Story) -> None:
    with _place() as place:
        restored = restore_to(_base(story, place / "into"), None)
        assert restored.reached.timeline == 3
        assert _rows(place / "into") == 1


def test_a_database_comes_back_into_a_server_that_runs(story: Story, cluster: Cluster) -> None:
    conninfo = conninfo_of(cluster, "going_back")
    with connection_to(conninfo_of(cluster, "postgres")) as cursor:
        cursor.execute("CREATE DATABASE going_back")
    with connection_to(conninfo) as cursor:
        cursor.execute("CREATE TABLE thing AS SELECT 7 AS number")
    with scratch_folder() as scratch:
        source = Source(conninfo=conninfo)
        settings = replace(story.settings(scratch), source=source)
        parcel = story.parcel()
        with pytest.raises(RestoreRefused, match="--replace going_back"):
            restore_at(parcel, settings, story.before_the_delete, None, Parts())
        done = restore_at(parcel, settings, story.before_the_delete, "going_back", Parts())
        assert done.counts == {"thing": ROWS}
        assert list(scratch.iterdir()) == []  # nothing decrypted is left
    with connection_to(conninfo) as cursor:
        cursor.execute("SELECT count(*) FROM thing")
        assert cursor.fetchone() == (ROWS,)
    assert done.kept is not None
    with connection_to(conninfo_of(cluster, done.kept)) as cursor:
        cursor.execute("SELECT * FROM thing")
        assert cursor.fetchone() == (7,)


def test_a_list_says_what_wal_is_missing(story: Story) -> None:
    """A copy of the bucket's WAL that lacks a file: what is stored is not to be deleted."""
    lost = next(one for one in story.parcel().wal if len(one.name) == 24)
    client = story.bucket.store(OPERATOR).client
    content = story.bucket.store(OPERATOR).read(lost.key, 2**26)
    assert [one.wal_trouble for one in listing(story.bucket.store(KEEPER)).backups] == [""]
    client.delete_object(Bucket=story.bucket.name, Key=lost.key)
    try:
        (base,) = listing(story.bucket.store(KEEPER)).backups
        assert base.to_json()["trouble"] == f"WAL is missing: {lost.name}"
        assert base.is_good  # up to there it can be restored
    finally:
        client.put_object(Bucket=story.bucket.name, Key=lost.key, Body=content)


def test_a_list_says_when_wal_of_one_name_has_two_contents(story: Story) -> None:
    known = next(one for one in story.parcel().wal if len(one.name) == 24)
    with scratch_folder() as spool:
        folder = spool / story.manifest.database.system_identifier
        folder.mkdir()
        (folder / known.name).write_bytes(b"of an old primary that went on")
        with keyring((story.key.public,), datetime.now(UTC)) as keys:
            assert ship(spool, story.bucket.store(WRITER), keys).known == 0
    store = story.bucket.store(OPERATOR)
    (base,) = listing(store).backups
    try:
        assert base.wal_trouble == f"WAL of one name has two contents: {known.name}"
        assert known.name not in {one.name for one in story.parcel().wal}
    finally:
        two = [one.key for one in store.listed("wal/") if known.name in one.key]
        store.delete(*(set(two) - {known.key}))


def test_what_s3_does_not_take_stays_in_the_spool(story: Story) -> None:
    """The keeper may not write WAL: to a ship that is what a store that refuses looks like."""
    with scratch_folder() as spool:
        path = spool / "7710800394248228407" / "000000010000000000000001"
        path.parent.mkdir()
        path.write_bytes(b"precious")
        with (
            keyring((story.key.public,), datetime.now(UTC)) as keys,
            pytest.raises(StoreRefused),
        ):
            ship(spool, story.bucket.store(KEEPER), keys)
        assert path.read_bytes() == b"precious"


def test_a_folder_with_something_in_it_is_left_alone(story: Story) -> None:
    with _place() as place:
        (place / "into" / "precious").mkdir(parents=True)
        with pytest.raises(RestoreRefused, match="is not empty"):
            restore_to(_base(story, place / "into"), None)
        assert (place / "into" / "precious").exists()


def test_a_moment_before_the_base_is_refused_at_once(story: Story) -> None:
    with _place() as place:
        with pytest.raises(RestoreRefused, match="take an older base"):
            restore_to(_base(story, place / "into"), story.manifest.started_at)
        assert not (place / "into").exists()


def test_without_room_nothing_is_fetched(story: Story) -> None:
    with _place() as place:
        base = _base(story, place / "into")
        plain = dict(base.parcel.manifest["plain"]) | {"bytes": 2**60}
        manifest = dict(base.parcel.manifest) | {"plain": plain}
        base.parcel = replace(base.parcel, manifest=manifest)
        with pytest.raises(NoSpace):
            restore_to(base, None)
        assert not (place / "into" / "data").exists()


def test_what_was_cut_off_is_begun_anew(story: Story) -> None:
    with _place() as place:
        base = _base(story, place / "into")
        base.parcel = replace(base.parcel, object=replace(base.parcel.object, sha256="0" * 64))
        with pytest.raises(DamagedBackup):
            restore_to(base, story.before_the_delete)
        assert (place / "into" / "data").exists()
        restore_to(_base(story, place / "into"), story.before_the_delete)
        assert _rows(place / "into") == ROWS


def test_wal_with_another_content_than_its_name_says_is_damaged(story: Story) -> None:
    """Whoever may write puts another file in its place, encrypted as it should be."""
    with _place() as place:
        base = _base(story, place / "into")
        first, second = [one for one in base.parcel.wal if len(one.name) == 24][:2]
        swapped = replace(second, name=first.name, key=first.key)
        wal = tuple(swapped if one == first else one for one in base.parcel.wal)
        base.parcel = replace(base.parcel, wal=wal)
        with pytest.raises(DamagedBackup, match="another content than its name says"):
            restore_to(base, None)


@pytest.mark.long
def test_a_gap_is_said_and_the_moment_behind_it_is_not_reached(story: Story) -> None:
    store = story.bucket.store(OPERATOR)
    whole = chain_behind(store, story.manifest)
    lost = next(one for one in whole.files if one.segment is not None)
    others = [one for one in whole.files if one != lost]
    with _place() as place:
        base = _base(story, place / "into")
        names = {one.name for one in others}
        base.parcel = replace(
            base.parcel, wal=tuple(one for one in base.parcel.wal if one.name in names)
        )
        with pytest.raises(ClusterError, match="WAL ends before"):
            restore_to(base, datetime.now(UTC))


def _base(story: Story, folder: Path) -> Base:
    return Base(story.parcel(), folder, PROGRAMS, None, Parts())


def _ship(settings: Settings, spool: Path) -> Shipped:
    settings = replace(settings, wal=Wal(spool))
    with keyring(settings.recipients, datetime.now(UTC)) as keys:
        return ship(spool, Store(settings.store), keys)


def _rows(into: Path) -> int:
    """Start what was restored, as an operator would, and count."""
    cluster = ThrowAway(into, PROGRAMS)
    cluster.start()
    try:
        command = [program("psql"), "-XAtq", "-h", into, "-p", str(PORT), "-U", "stillhere"]
        count = ["-d", "stillhere", "-c", "SELECT count(*) FROM thing"]
        return int(subprocess.check_output([*map(str, command), *count]))
    finally:
        cluster.stop()


def _conninfo(node: Node) -> str:
    return f"host={node.directory} port={PORT} user=stillhere dbname=stillhere"


@contextmanager
def _place() -> Iterator[Path]:
    """Give a folder that PostgreSQL's user may pass through."""
    place = Path(tempfile.mkdtemp(prefix="stillhere-place-"))
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)
