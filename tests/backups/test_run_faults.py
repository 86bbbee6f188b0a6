"""What goes wrong while a backup is taken: never an object without a manifest, nor the reverse."""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from backups.commands.run import taking
from backups.dump import dumping
from backups.errors import (
    Busy,
    SettingsError,
    SourceError,
    StoreError,
    StoreRefused,
    StoreSilent,
)
from backups.layout import Kind
from backups.listing import Listing, listing
from backups.lock import claimed
from backups.manifest import Manifest
from backups.run import back_up, utc_now
from backups.settings import Settings, Source
from backups.taking import Taking
from tests.architecture.tree import ROOT
from tests.backups.places import connection_to, fill_widely, write_settings
from tests.relay import Relay, Way, running_relay
from tests.s3 import KEEPER, Bucket, running_server

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def in_bucket(settings: Settings) -> Listing:
    return listing(Bucket(running_server(), settings.store.bucket).store(KEEPER))


def run(settings: Settings, clock: Callable[[], datetime] = utc_now) -> Manifest | None:
    return back_up(settings, Kind.DUMP, lambda: taking(settings), clock)


def assert_nothing_is_left(settings: Settings) -> None:
    assert in_bucket(settings) == Listing((), 0)
    assert not (settings.scratch / "run-dump.json").exists()


@pytest.fixture
def wide(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings of a database whose dump has several parts, as small as S3 takes them."""
    monkeypatch.setattr("backups.multipart.LEAST_PART_BYTES", 5 * 2**20)
    fill_widely(settings.source.conninfo)
    return settings


@pytest.fixture
def relay() -> Iterator[Relay]:
    with running_relay(running_server().port) as one:
        yield one


def through(relay: Relay, settings: Settings) -> Settings:
    store = dataclasses.replace(settings.store, endpoint=relay.endpoint)
    return dataclasses.replace(settings, store=store)


def end_pg_dump(_source: Source) -> None:
    (child,) = [one for one in psutil.Process().children() if one.name() == "pg_dump"]
    child.kill()


def end_its_session(source: Source) -> None:
    with connection_to(source.conninfo) as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'pg_dump' AND datname = current_database()"
        )


@pytest.mark.parametrize("end", [end_pg_dump, end_its_session])
def test_a_dump_that_dies_half_way_leaves_nothing(
    wide: Settings, end: Callable[[Source], None]
) -> None:
    """Gpg is content with whatever it has got: only the dump's own end tells."""

    @contextmanager
    def dying() -> Iterator[Taking]:
        with dumping(wide.source) as dump:
            stream = dump.stream()

            class Dying:
                facts = dump.facts
                is_compressed = True
                finish = dump.finish
                read_bytes = 0

                def stream(self) -> "Dying":
                    return self

                def read(self, size: int, /) -> bytes:
                    data = stream.read(size)
                    if self.read_bytes < 2**20 <= self.read_bytes + len(data):
                        end(wide.source)
                    self.read_bytes += len(data)
                    return data

            yield Dying()

    with pytest.raises(SourceError, match="pg_dump ended with"):
        back_up(wide, Kind.DUMP, dying)
    assert_nothing_is_left(wide)


def test_a_wrong_secret_is_said_before_a_row_is_read(settings: Settings) -> None:
    wrong = settings.store.credentials.with_name("wrong.toml")
    wrong.touch(mode=0o600)
    wrong.write_text('access_key_id = "writer"\nsecret_access_key = "wrong"\n')
    store = dataclasses.replace(settings.store, credentials=wrong)
    with pytest.raises(StoreRefused, match="SignatureDoesNotMatch"):
        run(dataclasses.replace(settings, store=store))
    assert_nothing_is_left(settings)


def test_a_bucket_that_is_not_there_is_said(settings: Settings) -> None:
    store = dataclasses.replace(settings.store, bucket="no-such-bucket")
    with pytest.raises(StoreError):
        run(dataclasses.replace(settings, store=store))


def test_a_reset_in_a_part_is_sent_again(wide: Settings, relay: Relay) -> None:
    relay.breaks(rb"partNumber=2", Way.RESET, times=2)
    manifest = run(through(relay, wide))
    assert manifest is not None
    assert relay.broken == 2
    assert manifest.object.bytes > 5 * 2**20
    (one,) = in_bucket(wide).backups
    assert one.is_good


def test_a_part_that_never_gets_through_leaves_nothing(wide: Settings, relay: Relay) -> None:
    relay.breaks(rb"partNumber=2", Way.RESET, times=99)
    with pytest.raises(StoreSilent, match="part 2 of dumps/"):
        run(through(relay, wide))
    assert_nothing_is_left(wide)


def test_a_completion_whose_answer_is_lost_counts(settings: Settings, relay: Relay) -> None:
    relay.breaks(rb"POST \S+uploadId=", Way.ANSWER_LOST)
    assert run(through(relay, settings)) is not None
    assert relay.broken == 1
    (one,) = in_bucket(settings).backups
    assert one.is_good
    assert not (settings.scratch / "run-dump.json").exists()


def test_a_manifest_that_is_not_answered_is_written_by_the_next_run(
    settings: Settings, relay: Relay
) -> None:
    relay.breaks(rb"manifest\.json", Way.RESET, times=99)
    with pytest.raises(StoreSilent):
        run(through(relay, settings))
    (one,) = in_bucket(settings).backups
    assert one.trouble.startswith("no manifest")
    relay.heals()
    assert run(through(relay, settings)) is not None
    assert [one.trouble for one in in_bucket(settings).backups] == ["", ""]
    assert not (settings.scratch / "run-dump.json").exists()


def test_what_a_dead_store_keeps_is_aborted_by_the_next_run(wide: Settings, relay: Relay) -> None:
    relay.breaks(rb"partNumber=2", Way.RESET, times=99)
    relay.breaks(rb"DELETE ", Way.RESET, times=99)  # nor can it be aborted
    with pytest.raises(StoreSilent):
        run(through(relay, wide))
    assert in_bucket(wide).unfinished_uploads == 1
    assert run(wide) is not None
    assert [one.trouble for one in in_bucket(wide).backups] == [""]
    assert in_bucket(wide).unfinished_uploads == 0


@pytest.mark.long
def test_a_store_that_is_killed_takes_the_next_backup(wide: Settings, relay: Relay) -> None:
    server = running_server()

    def kill_in_part_two() -> None:
        relay.waits_for_break()
        server.stop()

    relay.breaks(rb"partNumber=2", Way.RESET)
    killer = threading.Thread(target=kill_in_part_two)
    killer.start()
    with pytest.raises(StoreSilent):
        run(through(relay, wide))
    killer.join()
    server.start()
    assert in_bucket(wide).unfinished_uploads == 1
    assert run(wide) is not None
    found = in_bucket(wide)
    assert ([one.trouble for one in found.backups], found.unfinished_uploads) == ([""], 0)


@pytest.mark.parametrize("minutes", [-20, 20])
def test_a_clock_that_is_wrong_names_no_backup(settings: Settings, minutes: int) -> None:
    with pytest.raises(StoreRefused, match="Correct the one that is wrong"):
        run(settings, lambda: utc_now() + timedelta(minutes=minutes))
    assert_nothing_is_left(settings)


def test_a_signature_by_a_wrong_clock_is_said_to_be_that(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host's clock cannot be set in a test; what signs requests asks it here."""
    monkeypatch.setattr("botocore.auth.get_current_datetime", _an_hour_ago)
    with pytest.raises(StoreRefused, match="clock is wrong"):
        run(settings)


def _an_hour_ago(remove_tzinfo: bool = True) -> datetime:
    return (datetime.now(UTC) - timedelta(hours=1)).replace(tzinfo=None if remove_tzinfo else UTC)


def test_a_second_run_says_who_is_at_it(settings: Settings) -> None:
    with claimed(settings.scratch, "run-dump", NOW), pytest.raises(Busy, match=str(os.getpid())):
        run(settings)
    assert in_bucket(settings).backups == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small disk")
def test_a_full_disk_leaves_nothing(settings: Settings) -> None:
    settings.scratch.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(settings.scratch)]
    subprocess.run(mount, check=True)
    try:
        with contextlib.suppress(OSError), (settings.scratch / "filler").open("wb") as file:
            for _ in range(64):
                file.write(bytes(1024))
                file.flush()
        with pytest.raises(SettingsError, match="No space left"):
            run(settings)
        assert in_bucket(settings) == Listing((), 0)
    finally:
        subprocess.run(["umount", str(settings.scratch)], check=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing_for_long(
    settings: Settings, relay: Relay, tmp_path: Path, number: signal.Signals
) -> None:
    """SIGTERM aborts the upload at once; after SIGKILL the next run does it."""
    relay.breaks(rb"partNumber=1", Way.HELD)
    with running_program(through(relay, settings), tmp_path) as program:
        relay.waits_for_break()
        program.send_signal(number)
        assert program.wait(60) in {1, -signal.SIGKILL}
    assert in_bucket(settings).backups == ()
    assert in_bucket(settings).unfinished_uploads == (number is signal.SIGKILL)
    assert run(settings) is not None
    found = in_bucket(settings)
    assert ([one.trouble for one in found.backups], found.unfinished_uploads) == ([""], 0)


@contextmanager
def running_program(settings: Settings, directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `python -m backups run` with these settings, as a timer does."""
    path = write_settings(
        directory / "backups.toml",
        settings.store,
        settings.recipients,
        settings.scratch,
        settings.source.conninfo,
    )
    command = [sys.executable, "-m", "backups", "run", "--settings", str(path)]
    with subprocess.Popen(command, cwd=ROOT) as program:
        try:
            yield program
        finally:
            program.kill()
