"""What the drain tells a receiver, and T while there is a backlog (drain.py, drain_links.py)."""

import shutil
import socket
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg2
import pytest
from django.conf import settings
from django.db import connection

from app.accounts.models import Project
from app.checks.models import Check
from app.checks.state import Event
from app.database import DATABASE_TROUBLE
from app.pings import batches, connecting, pipeline, wire
from app.pings.batches import Step
from app.pings.drain import Drain
from app.pings.drain_journals import Draining
from app.pings.drain_links import Link, Links
from app.pings.frames import Entry, encode
from app.pings.journal import Journal, Place
from app.pings.models import Position

pytestmark = pytest.mark.django_db(transaction=True)
T0 = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def journal() -> Iterator[Journal]:
    for directory in (settings.JOURNAL_DIR, settings.RUN_DIR):
        shutil.rmtree(directory, ignore_errors=True)
    directory = settings.JOURNAL_DIR / "0"
    opened = Journal(directory, 0, limit_bytes=10**9, segment_bytes=10**8)
    yield opened
    opened.close()


@pytest.fixture
def links() -> Iterator[Links]:
    opened = Links(settings.RUN_DIR / "test.sock")
    yield opened
    opened.close()


@pytest.fixture
def receiver(journal: Journal, links: Links) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(settings.RUN_DIR / "test.sock"))
        client.sendall(wire.pack(wire.Say.HELLO, journal.identity.journal.bytes, 0, -1))
        client.settimeout(5)
        yield client


def say_end(receiver: socket.socket, end: Place, at: datetime) -> None:
    time_us = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    receiver.sendall(wire.pack(wire.Say.END, end.segment, end.offset, time_us))


def fill(journal: Journal, count: int) -> Place:
    check = Check.objects.create(project=Project.objects.create(name="p"))
    frames = [
        encode(journal.identity.journal, Entry(check.code, Event(T0 + timedelta(seconds=n))))
        for n in range(count)
    ]
    return journal.append(b"".join(frames))


def test_t_moves_with_every_batch_of_a_backlog(
    journal: Journal, links: Links, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 0.0)
    end = fill(journal, 4_500)
    say_end(receiver, end, T0 + timedelta(days=1))
    drain = Drain(links)
    for _ in range(3):
        links.serve(0.1, None)
    said = []
    while drain._round():
        said.append(Position.objects.get().applied_before)
    assert said == [T0 + timedelta(seconds=n - 1) for n in (1_000, 3_000)]
    assert Position.objects.get().applied_before == T0 + timedelta(days=1)
    assert Check.objects.get().n_pings == 4_500
    drain._disconnect()


def test_a_receiver_that_comes_after_the_work_is_told_that_it_is_done(
    journal: Journal, links: Links, receiver: socket.socket
) -> None:
    end = fill(journal, 3)
    drain = Drain(links)
    drain._round()  # before the drain has heard of the receiver
    assert Check.objects.get().n_pings == 3
    say_end(receiver, end, T0 + timedelta(days=1))
    for _ in range(3):
        links.serve(0.1, None)
    drain._round()
    heard = list(wire.Unpacker().feed(receiver.recv(65536)))
    assert (wire.Say.DRAINED, end.segment, end.offset) in heard
    drain._disconnect()


def test_a_journal_that_replaces_another_is_found(
    journal: Journal, links: Links, receiver: socket.socket
) -> None:
    fill(journal, 1)
    drain = Drain(links)
    links.serve(0.1, None)
    drain._round()
    shutil.rmtree(settings.JOURNAL_DIR / "0")
    new = Journal(settings.JOURNAL_DIR / "0", 0, limit_bytes=10**9, segment_bytes=10**8)
    (settings.JOURNAL_DIR / "notes.txt").write_text("stray")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(settings.RUN_DIR / "test.sock"))
        client.sendall(wire.pack(wire.Say.HELLO, new.identity.journal.bytes, 0, -1))
        say_end(client, fill(new, 2), T0 + timedelta(days=1))
        for _ in range(4):
            links.serve(0.1, None)
        drain._round()
        assert sorted(Check.objects.values_list("n_pings", flat=True)) == [1, 2]
        drain._disconnect()
    new.close()


def test_trouble_that_the_driver_says_by_itself_is_waited_for_too(links: Links) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has no server that may be away")

    def ask() -> None:
        raise psycopg2.OperationalError("could not receive data from server")

    drain = Drain(links)
    with drain._database():
        ask()
    assert drain._retry_at > 0


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no sessions to end")
def test_a_connection_that_broke_behind_a_batch_is_not_used_again(
    journal: Journal, links: Links, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    say_end(receiver, fill(journal, 5_000), T0 + timedelta(days=1))
    # Its pings are nothing to wake the notifier for, which would break, too.
    Check.objects.update(status="paused", manual_resume=True)
    drain, read, cuts = Drain(links), batches.steps, list[Step]()

    def cut(draining: Draining, link: Link | None) -> Iterator[Step]:
        for step in read(draining, link):
            if len(cuts) == 2:  # the first batch is committed by now
                with connection.connection.cursor() as cursor, suppress(psycopg2.Error):
                    cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cuts.append(step)
            yield step

    monkeypatch.setattr(batches, "steps", cut)
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 600.0)
    for _ in range(3):
        links.serve(0.1, None)
    connecting.connect()
    drain._journals.find()
    (draining,) = drain._journals.all()
    # Who goes on would note places for the old connection, and connect anew without looking.
    with pytest.raises(DATABASE_TROUBLE):
        drain._drain(draining)
    drain._disconnect()
    monkeypatch.undo()
    while drain._round():
        pass
    assert Check.objects.get().n_pings == 5_000
