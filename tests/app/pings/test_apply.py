"""A batch becomes rows exactly once (app/pings/apply.py, poison.py, store/), on both databases."""

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from app.accounts.keys import digest
from app.accounts.models import Project
from app.checks.models import Check, Flip, next_change
from app.checks.schedule import Kind
from app.checks.state import Action, Event
from app.pings.apply import PositionMovedError, apply
from app.pings.frames import Entry
from app.pings.journal import Place
from app.pings.journal_reader import Batch
from app.pings.models import Ping, Position
from app.pings.protocol import Slug
from app.pings.wire import Verdict

pytestmark = pytest.mark.django_db

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEY = "k" * 22


@pytest.fixture
def position() -> Position:
    return Position.objects.create(slot=0, server="here")


@pytest.fixture
def project() -> Project:
    with transaction.atomic():
        change = next_change()
        return Project.objects.create(
            name="p", ping_key_digest=digest(KEY), directory_change=change
        )


def new_check(project: Project, slug: str = "backup", **fields: object) -> Check:
    return Check.objects.create(
        project=project,
        name=slug,
        slug=slug,
        **{"period_seconds": 600, "grace_seconds": 300} | fields,
    )


def event(minutes: float, action: Action = Action.SUCCESS, **fields: object) -> Event:
    return Event(T0 + timedelta(minutes=minutes), action, **fields)  # type: ignore[arg-type]


def batch(*entries: Entry, start: Place = Place()) -> Batch:  # noqa: B008
    base = start if start.segment else Place(1, 40)
    placed = [(entry, Place(1, base.offset + 10 * (n + 1))) for n, entry in enumerate(entries)]
    return Batch(start, placed[-1][1], placed)


def to(check: Check | UUID, *events: Event, start: Place = Place()) -> Batch:  # noqa: B008
    code = check.code if isinstance(check, Check) else check
    return batch(*(Entry(code.bytes, item) for item in events), start=start)


def test_a_batch_writes_pings_flips_state_and_position(
    project: Project, position: Position
) -> None:
    check = new_check(project)
    rid = uuid4()
    done = apply(
        position.pk,
        to(
            check,
            event(0, Action.START, rid=rid),
            event(2, exit_status=0, rid=rid, method="POST", body=b"\0\xff", remote_addr="::1"),
        ),
        T0,
    )
    check.refresh_from_db()
    assert (done.pings, done.dropped, done.wakes_notifier) == (2, 0, True)
    assert (check.status, check.n_pings, check.last_duration_us) == ("up", 2, 120_000_000)
    assert check.last_ping_at == T0 + timedelta(minutes=2)
    assert (check.due_at, check.down_at) == (T0 + timedelta(minutes=12), T0 + timedelta(minutes=17))
    assert check.wake_at == check.down_at
    first, second = check.pings.order_by("n")
    assert (first.action, first.rid, first.body) == ("start", rid, None)
    assert (second.action, second.exit_status, bytes(second.body or b"")) == (
        "success",
        0,
        b"\0\xff",
    )
    assert (second.method, second.remote_addr, second.received_at.minute) == ("POST", "::1", 2)
    flip = check.flips.get()
    assert (flip.at, flip.new_status, flip.told_at) == (check.last_ping_at, "up", None)
    position.refresh_from_db()
    assert (position.segment, position.offset, position.applied_before) == (1, 60, T0)


def test_a_replayed_batch_is_refused_and_changes_nothing(
    project: Project, position: Position
) -> None:
    check = new_check(project)
    same = to(check, event(0))
    apply(position.pk, same, None)
    with pytest.raises(PositionMovedError), transaction.atomic():
        apply(position.pk, same, None)
    assert Ping.objects.count() == 1


def test_the_state_read_back_is_the_state_that_was_written(
    project: Project, position: Position
) -> None:
    check = new_check(project, kind=Kind.CRON, schedule="*/5 * * * *", tz="Europe/Riga")
    apply(position.pk, to(check, event(0), event(1, Action.START, rid=uuid4())), None)
    check.refresh_from_db()
    before = check.state
    apply(position.pk, to(check, event(2, Action.LOG), start=Place(1, 60)), None)
    check.refresh_from_db()
    assert check.n_pings == 3
    assert before.last_start_at == check.last_start_at is not None
    assert before.last_start_rid == check.last_start_rid
    assert before.down_at == check.down_at


def test_a_ping_raises_no_index_and_lowers_it_at_most(project: Project, position: Position) -> None:
    check = new_check(project)
    apply(position.pk, to(check, event(0)), None)
    done = apply(position.pk, to(check, event(5), start=Place(1, 50)), None)
    check.refresh_from_db()
    assert check.wake_at == T0 + timedelta(minutes=15)
    assert check.down_at == T0 + timedelta(minutes=20)
    assert not done.wakes_notifier
    done = apply(position.pk, to(check, event(6, Action.START), start=Place(1, 60)), None)
    check.refresh_from_db()
    assert check.wake_at == check.down_at == T0 + timedelta(minutes=11)
    assert done.wakes_notifier


def test_a_slug_is_found_made_ambiguous_or_not_there(project: Project, position: Position) -> None:
    new_check(project, "one")
    new_check(project, "two")
    new_check(project, "two")
    key = digest(KEY)
    asked = [("one", False), ("two", True), ("new", True), ("new", True), ("gone", False)]
    entries = [
        Entry(Slug(key, slug), event(n), known=False, create=create, asks=True)
        for n, (slug, create) in enumerate(asked)
    ]
    stranger = Entry(Slug(digest("x" * 22), "one"), event(9), create=True, asks=True)
    done = apply(position.pk, batch(*entries, stranger), None)
    assert [verdict for _, verdict in done.verdicts] == [
        Verdict.EXISTS,
        Verdict.AMBIGUOUS,
        Verdict.CREATED,
        Verdict.EXISTS,
        Verdict.NOT_FOUND,
        Verdict.NOT_FOUND,
    ]
    made = Check.objects.get(slug="new")
    assert (made.name, made.period_seconds, made.grace_seconds) == ("new", 86_400, 3_600)
    assert made.n_pings == 2
    assert (done.pings, done.dropped) == (3, 3)


def test_a_project_with_twice_its_checks_gets_no_more(
    project: Project, position: Position, settings: Settings
) -> None:
    settings.CHECK_LIMIT = 1
    key = digest(KEY)
    entries = [
        Entry(Slug(key, f"n{n}"), event(n), create=True, asks=True, known=False) for n in range(4)
    ]
    done = apply(position.pk, batch(*entries), None)
    verdicts = [verdict for _, verdict in done.verdicts]
    assert verdicts == [Verdict.CREATED] * 2 + [Verdict.NOT_FOUND] * 2


def test_an_unknown_code_is_dropped_and_said_so(position: Position) -> None:
    code = uuid4()
    entry = Entry(code.bytes, event(0), known=False, asks=True)
    done = apply(position.pk, batch(entry), None)
    assert [verdict for _, verdict in done.verdicts] == [Verdict.NOT_FOUND]
    assert done.dropped == 1
    position.refresh_from_db()
    assert position.offset == 50


def test_a_late_batch_gives_the_rows_of_the_right_order(
    project: Project, position: Position
) -> None:
    right, wrong = new_check(project, "right"), new_check(project, "wrong")
    events = [event(0), event(8, Action.START), event(9), event(40), event(41, Action.FAIL)]
    apply(position.pk, to(right, *events), None)
    start = Place(1, 90)
    for late in (events[3], events[0], events[4], events[1], events[2]):
        one = to(wrong, late, start=start)
        apply(position.pk, one, None)
        start = one.end
    right.refresh_from_db()
    wrong.refresh_from_db()
    assert wrong.state == right.state
    assert _flips(wrong) == _flips(right) == ["up", "down", "up", "down"]
    assert wrong.pings.count() == 5


def _flips(check: Check) -> list[str]:
    return list(
        Flip.objects.filter(check_ref=check).order_by("at").values_list("new_status", flat=True)
    )


def test_a_check_whose_schedule_cannot_be_evaluated_keeps_its_pings(
    project: Project, position: Position
) -> None:
    bad = new_check(project, "bad", kind=Kind.CRON, schedule="not a schedule")
    good = new_check(project, "good")
    done = apply(
        position.pk, batch(Entry(bad.code.bytes, event(0)), Entry(good.code.bytes, event(1))), None
    )
    assert done.pings == 2
    good.refresh_from_db()
    bad.refresh_from_db()
    assert (good.status, bad.n_pings, bad.down_at) == ("up", 1, None)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer")
def test_two_drains_make_a_check_once(project: Project) -> None:
    positions = [Position.objects.create(slot=slot, server="here") for slot in (0, 1)]
    barrier = threading.Barrier(2)
    verdicts: list[Verdict] = []

    def drain(position: Position, slug: str) -> None:
        entry = Entry(
            Slug(digest(KEY), slug), event(position.slot), known=False, create=True, asks=True
        )
        barrier.wait()
        start = Place(position.segment, position.offset)
        done = apply(position.pk, batch(entry, start=start), None)
        verdicts.extend(verdict for _, verdict in done.verdicts)
        connection.close()

    for number in range(10):
        threads = [threading.Thread(target=drain, args=(one, f"n{number}")) for one in positions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        for one in positions:
            one.refresh_from_db()
    assert sorted(verdicts) == [Verdict.EXISTS] * 10 + [Verdict.CREATED] * 10
    assert Check.objects.count() == 10


@pytest.mark.parametrize(("wakes_after_minutes", "wakes_then"), [(10, 10), (60, 20)])
def test_a_ping_that_changes_nothing_else_lowers_when_the_check_is_looked_at(
    project: Project, position: Position, wakes_after_minutes: int, wakes_then: int
) -> None:
    check = new_check(project)
    first = to(check, event(0))
    apply(position.pk, first, None)
    wakes_at = T0 + timedelta(minutes=wakes_after_minutes)
    Check.objects.filter(pk=check.pk).update(wake_at=wakes_at)
    done = apply(position.pk, to(check, event(5), start=first.end), None)
    check.refresh_from_db()
    assert check.down_at == T0 + timedelta(minutes=20)
    assert check.wake_at == T0 + timedelta(minutes=wakes_then)
    assert done.wakes_notifier == (wakes_then != wakes_after_minutes)
