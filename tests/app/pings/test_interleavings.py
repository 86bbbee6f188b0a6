"""What is in the database after anything that can happen to batches (app/pings/apply.py).

Several servers' journals of the same checks; batches of any size in any order; drains killed
before their commit and behind it; a failover to a database that lacks the last transactions,
whose positions are older. In the end, when every journal has been drained, the checks, their
flips and their log are those of one server that took every ping in order.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from app.accounts.models import Project
from app.checks.models import Check
from app.checks.schedule import Kind
from app.checks.state import Action, Event
from app.pings.apply import PositionMovedError, apply
from app.pings.frames import Entry
from app.pings.journal import Place
from app.pings.journal_reader import Batch
from app.pings.models import Position

T0 = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
R1, R2 = UUID(int=1), UUID(int=2)
SERVERS, CHECKS = 3, 2


@dataclass(frozen=True)
class Sent:
    """One ping: which server took it, when, for which check, what it said."""

    minute: int
    server: int
    check: int
    action: Action
    rid: UUID | None


@dataclass(frozen=True)
class Step:
    """What happens next: a server's drain takes some pings, or something to the database."""

    what: str
    server: int = 0
    pings: int = 1


PINGS = st.lists(
    st.builds(
        Sent,
        st.integers(0, 120),
        st.integers(0, SERVERS - 1),
        st.integers(0, CHECKS - 1),
        st.sampled_from([Action.SUCCESS, Action.SUCCESS, Action.START, Action.FAIL, Action.LOG]),
        st.sampled_from([None, R1, R2]),
    ),
    max_size=20,
    unique_by=lambda sent: sent.minute,
).map(lambda sent: sorted(sent, key=lambda one: one.minute))
STEPS = st.lists(
    st.builds(
        Step,
        st.sampled_from(
            [
                "apply",
                "apply",
                "apply",
                "killed before commit",
                "answer lost",
                "replicate",
                "failover",
            ]
        ),
        st.integers(0, SERVERS - 1),
        st.integers(1, 6),
    ),
    max_size=25,
)


class _KilledError(Exception):
    """The drain dies here."""


class Fleet:
    """Servers with a journal each, and the one database of their checks.

    The standby's state is a savepoint: going back to it is what a failover to a standby that
    lacks the last transactions does to everybody.
    """

    def __init__(self, codes: list[UUID], sent: list[Sent]) -> None:
        self._journals = [_journal(codes, sent, server) for server in range(SERVERS)]
        rows = [Position.objects.create(slot=slot, server="s") for slot in range(SERVERS)]
        self._positions = [row.pk for row in rows]
        # Where each drain believes to be: what the database said when it last asked.
        self._places = [Place()] * SERVERS
        self._standby = transaction.savepoint()

    def do(self, step: Step) -> None:
        server, before = step.server, self._places[step.server]
        match step.what:
            case "apply":
                self.drain(server, step.pings)
            case "killed before commit":
                self._kill(server, step.pings)
            case "answer lost":
                self.drain(server, step.pings)
                self._places[server] = before
            case "replicate":
                self._standby = transaction.savepoint()
            case "failover":
                transaction.savepoint_rollback(self._standby)

    def finish(self) -> None:
        """Let every drain take what is left."""
        for server in range(SERVERS):
            self._connect(server)
            while self.drain(server, 4):
                pass

    def drain(self, server: int, pings: int) -> bool:
        """Apply a batch; False when there is nothing more."""
        batch = self._batch(server, pings)
        if batch is None:
            return False
        try:
            apply(self._positions[server], batch, None)
            self._places[server] = batch.end
        except PositionMovedError:
            self._connect(server)
        return True

    def _kill(self, server: int, pings: int) -> None:
        """Die behind the last statement and before the commit."""
        batch = self._batch(server, pings)
        try:
            with transaction.atomic():
                if batch is not None:
                    apply(self._positions[server], batch, None)
                raise _KilledError
        except (_KilledError, PositionMovedError):
            self._connect(server)

    def _batch(self, server: int, pings: int) -> Batch | None:
        start = self._places[server]
        entries = [one for one in self._journals[server] if one[1] > start][:pings]
        return Batch(start, entries[-1][1], entries) if entries else None

    def _connect(self, server: int) -> None:
        row = Position.objects.get(pk=self._positions[server])
        self._places[server] = Place(row.segment, row.offset)


def _journal(codes: list[UUID], sent: list[Sent], server: int) -> list[tuple[Entry, Place]]:
    """Return what the server took, in the order in which it took it."""
    mine = [one for one in sent if one.server == server]
    return [(_entry(codes, one), Place(1, 10 * n)) for n, one in enumerate(mine, start=1)]


def _entry(codes: list[UUID], sent: Sent) -> Entry:
    at = T0 + timedelta(minutes=sent.minute)
    return Entry(
        codes[sent.check].bytes, Event(at, sent.action, rid=sent.rid, body=b"%d" % sent.minute)
    )


def _new_checks() -> list[Check]:
    project = Project.objects.create(name="p")
    rules = {"period_seconds": 600, "grace_seconds": 300}
    cron = {"kind": Kind.CRON, "schedule": "*/10 * * * *", "tz": "Europe/Riga"}
    return [
        Check.objects.create(project=project, slug="simple", **rules),
        Check.objects.create(project=project, slug="cron", **rules | cron),
    ]


def _in_order(sent: list[Sent]) -> list[Check]:
    """Return checks that one server's drain has brought up to date in one go."""
    checks = _new_checks()
    codes = [check.code for check in checks]
    entries = [(_entry(codes, one), Place(1, n)) for n, one in enumerate(sent, start=1)]
    position = Position.objects.create(slot=9, server="one")
    if entries:
        apply(position.pk, Batch(Place(), entries[-1][1], entries), None)
    return checks


def _story(check: Check) -> dict[str, object]:
    """Return all that the database says of a check, but for the order of its log's numbers."""
    check.refresh_from_db()
    lines = check.pings.order_by("received_at").values_list(
        "received_at", "action", "exit_status", "rid", "body"
    )
    flips = check.flips.order_by("at", "new_status")
    return {
        "state": check.state,
        "lines": [(*line[:-1], bytes(line[-1] or b"")) for line in lines],
        "numbers": sorted(check.pings.values_list("n", flat=True)),
        "flips": list(flips.values_list("at", "old_status", "new_status", "reason")),
    }


def any_interleaving_gives_what_one_server_in_order_gives(
    sent: list[Sent], steps: list[Step]
) -> None:
    before = transaction.savepoint()
    try:
        expected = [_story(check) for check in _in_order(sent)]
        checks = _new_checks()
        fleet = Fleet([check.code for check in checks], sent)
        for step in steps:
            fleet.do(step)
        fleet.finish()
        for check, one in zip(checks, expected, strict=True):
            found = _story(check)
            for what, wanted in one.items():
                assert (what, found[what]) == (what, wanted)
        assert expected[0]["numbers"] == list(range(1, 1 + sum(not one.check for one in sent)))
    finally:
        transaction.savepoint_rollback(before)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "cases", [30, pytest.param(400, marks=[pytest.mark.long, pytest.mark.timeout(1_800)])]
)
def test_any_interleaving_gives_what_one_server_in_order_gives(cases: int) -> None:
    rule = given(PINGS, STEPS)(any_interleaving_gives_what_one_server_in_order_gives)
    settings(max_examples=cases, deadline=None)(rule)()
