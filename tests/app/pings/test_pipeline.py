"""A run of batches, each exactly once, whatever happens between (app/pings/pipeline.py)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection

from app.accounts.keys import digest
from app.accounts.models import Project
from app.checks.models import Check
from app.database import DATABASE_TROUBLE
from app.pings import pipeline
from app.pings.apply import Applied, PositionMovedError, apply
from app.pings.batches import Step
from app.pings.frames import Entry
from app.pings.journal import JournalError, Place
from app.pings.journal_reader import Batch
from app.pings.models import Ping, Position
from app.pings.protocol import Slug
from app.pings.store import store
from app.pings.wire import Verdict
from tests.app.pings.test_apply import KEY, T0, event, new_check, position, project

__all__ = ["position", "project"]  # fixtures
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def session(monkeypatch: pytest.MonkeyPatch) -> None:
    store().prepare()
    # How far a run gets in its time is no property of the code.
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 600.0)


def steps(*batches: list[Entry]) -> list[Step]:
    """Return batches, one behind the other."""
    found, start = list[Step](), Place()
    for entries in batches:
        placed = [(entry, Place(1, start.offset + 10 * n)) for n, entry in enumerate(entries, 1)]
        end = placed[-1][1]
        t = entries[-1].event.received_at
        found.append(Step(Batch(start, end, placed), t, len(found) == len(batches) - 1))
        start = end
    return found


def run(position: Position, some: list[Step], ordinary: list[Step] | None = None) -> pipeline.Run:
    def ordinarily(step: Step) -> Applied:
        if ordinary is None:
            raise AssertionError("these batches are plain")
        ordinary.append(step)
        return apply(position.pk, step.batch, step.applied_before)

    return pipeline.apply_all(position.pk, iter(some), store(), ordinarily)


def numbers() -> list[tuple[str, int]]:
    return list(Ping.objects.order_by("received_at").values_list("user_agent", "n"))


def named(check: Check, minutes: float, **fields: Any) -> Entry:
    return Entry(check.code, event(minutes, user_agent=str(minutes), **fields))


def test_a_run_applies_every_batch_once_and_leaves_no_transaction(
    project: Project, position: Position
) -> None:
    one, two = new_check(project, "one"), new_check(project, "two")
    some = steps([named(one, 0), named(two, 1)], [named(one, 2), named(one, 3)], [named(two, 4)])
    done = run(position, some)
    assert done.last is some[-1]
    assert done.done.pings == 5
    assert numbers() == [("0", 1), ("1", 1), ("2", 2), ("3", 3), ("4", 2)]
    position.refresh_from_db()
    assert position.offset == some[-1].batch.end.offset
    assert position.applied_before == T0 + timedelta(minutes=4)
    assert not is_open()
    with pytest.raises(PositionMovedError):
        run(position, some)
    assert not is_open()
    assert len(numbers()) == 5


def is_open() -> bool:
    """Return True when a transaction is open on this connection."""
    if connection.vendor == "sqlite":
        return bool(connection.connection.in_transaction)
    return bool(connection.connection.info.transaction_status)


class Counted:
    """The store, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.asked.append(name)
        return getattr(store(), name)


def test_a_backlog_costs_one_message_a_batch_and_one_to_begin(
    project: Project, position: Position
) -> None:
    check, counted = new_check(project), Counted()
    some = steps(*([named(check, n)] for n in range(4)))
    pipeline.apply_all(position.pk, iter(some), counted, never)
    assert counted.asked == ["begin", *["commit"] * 4]


def test_a_run_ends_when_it_is_the_turn_of_others(
    project: Project, position: Position, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = new_check(project)
    some = steps([named(check, 0)], [named(check, 1)])
    monkeypatch.setattr(pipeline, "RUN_SECONDS", 0.0)
    assert run(position, some).last is some[0]
    assert not is_open()


def test_what_a_run_writes_is_what_an_ordinary_transaction_writes(
    project: Project, position: Position
) -> None:
    other = Position.objects.create(slot=1, server="here")
    ways = new_check(project, "fast"), new_check(project, "slow")
    rid = uuid4()
    odd = "\\ \" ' { } , NULL \0 é \n \ud7ff %s $1"
    fields: list[dict[str, Any]] = [
        {"rid": rid, "exit_status": 3, "user_agent": odd, "remote_addr": "2001:db8::1"},
        {"body": b"\0\\x'\"{},\xff", "method": "POST", "scheme": "email"},
        {"user_agent": "", "body": b"NULL"},
        {"user_agent": "NULL"},
    ]
    for check, through in zip(ways, (run, None), strict=True):
        made = [Entry(check.code, event(n, **some)) for n, some in enumerate(fields)]
        (step,) = steps(made)
        if through is None:
            apply(other.pk, step.batch, None)
        else:
            through(position, [step])
    columns = "n", "action", "exit_status", "rid", "scheme", "method", "remote_addr", "user_agent"
    fast, slow = ([*check.pings.order_by("n").values_list(*columns)] for check in ways)
    assert fast == slow
    assert fast[0][-1] == odd.replace("\0", "\ufffd")
    bodies = [[bytes(ping.body or b"") for ping in check.pings.order_by("n")] for check in ways]
    assert bodies[0] == bodies[1] == [one.get("body", b"") for one in fields]
    for check in ways:
        check.refresh_from_db()
    assert ways[0].state == ways[1].state


def test_a_late_ping_is_folded_in_at_its_place(project: Project, position: Position) -> None:
    check = new_check(project)
    some = steps([named(check, 0)], [named(check, 40)], [named(check, 12)], [named(check, 3)])
    assert run(position, some).last is some[-1]
    flips = check.flips.order_by("at").values_list("at", "new_status")
    minutes = [((at - T0) / timedelta(minutes=1), status) for at, status in flips]
    assert minutes == [(0, "up"), (27, "down"), (40, "up")]
    assert [n for _, n in numbers()] == [1, 4, 3, 2]


def test_a_check_to_be_made_and_one_that_is_gone_are_taken_ordinarily(
    project: Project, position: Position
) -> None:
    check, ordinary = new_check(project), list[Step]()
    to_make = Entry(Slug(digest(KEY), "new"), event(1), known=False, create=True, asks=True)
    gone = Entry(uuid4(), event(3), known=False)
    some = steps([named(check, 0)], [to_make], [named(check, 2)], [named(check, 2.5), gone])
    found, done = some, Applied()
    while found:
        ran = run(position, found, ordinary)
        assert ran.last is not None
        found = found[found.index(ran.last) + 1 :]
        done.pings += ran.done.pings
        done.verdicts += ran.done.verdicts
        done.dropped += ran.done.dropped
    assert ordinary == [some[1], some[3]]
    assert (done.pings, done.dropped) == (4, 1)
    assert [verdict for _, verdict in done.verdicts] == [Verdict.CREATED]
    assert not is_open()
    assert Check.objects.get(slug="new").n_pings == 1


def test_who_asks_is_answered_behind_his_batch(project: Project, position: Position) -> None:
    check = new_check(project)
    asks = Entry(check.code, event(0), known=False, asks=True)
    some = steps([asks], [named(check, 1)])
    done = run(position, some)
    assert done.last is some[0]
    assert [verdict for _, verdict in done.done.verdicts] == [Verdict.EXISTS]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite takes any number")
@pytest.mark.parametrize("refused", [0, 1, 2])
def test_a_refused_batch_is_taken_ordinarily_and_leaves_the_others_alone(
    project: Project, position: Position, refused: int
) -> None:
    check, some = new_check(project), list[Step]()
    batches = [[named(check, n)] for n in range(3)]
    batches[refused] = [Entry(check.code, event(refused, exit_status=2**63))]
    some = steps(*batches)

    def ordinarily(step: Step) -> Applied:
        assert not is_open()
        assert step is some[refused]
        apply(position.pk, Batch(step.batch.start, step.batch.end), None)
        return Applied(dropped=1)

    found = some
    while found:
        ran = pipeline.apply_all(position.pk, iter(found), store(), ordinarily)
        assert ran.last is not None
        found = found[found.index(ran.last) + 1 :]
    assert numbers() == [(str(n), i) for i, n in enumerate({0, 1, 2} - {refused}, 1)]


def test_a_journal_that_cannot_be_read_on_ends_the_run_behind_what_was_read(
    project: Project, position: Position
) -> None:
    check = new_check(project)
    first, _ = steps([named(check, 0)], [named(check, 1)])

    def broken() -> Iterator[Step]:
        yield first
        raise JournalError("torn")

    done = pipeline.apply_all(position.pk, broken(), store(), ordinarily=never)
    assert done.last is first
    assert len(numbers()) == 1
    assert not is_open()


def never(_step: Step) -> Applied:
    raise AssertionError("this batch is plain")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no sessions to end")
def test_a_session_that_ends_between_two_batches_loses_and_doubles_nothing(
    project: Project, position: Position
) -> None:
    check = new_check(project)
    some = steps(*([named(check, n)] for n in range(4)))

    def cut() -> Iterator[Step]:
        yield from some[:2]
        with connection.connection.cursor() as cursor, pytest.raises(Exception, match="terminat"):
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        yield some[2]

    done = pipeline.apply_all(position.pk, cut(), store(), never)
    assert done.last is some[0]
    assert isinstance(done.trouble, DATABASE_TROUBLE)
    with pytest.raises(DATABASE_TROUBLE):
        run(position, some[1:])
    connection.close()
    store().prepare()
    assert run(position, some[1:]).last is some[-1]
    assert numbers() == [(str(n), n + 1) for n in range(4)]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no prepared statements")
def test_tables_that_change_under_the_statements_are_no_fault_of_the_pings(
    project: Project, position: Position
) -> None:
    check = new_check(project)
    some = steps([named(check, 0)])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    with pytest.raises(OperationalError):
        run(position, some)
    store().prepare()
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE checks_check ALTER schedule TYPE varchar(120)")
    run(position, some)
    assert len(numbers()) == 1
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE checks_check ALTER schedule TYPE varchar(100)")
