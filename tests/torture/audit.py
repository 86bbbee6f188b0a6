"""The table after a case: this is where it is read, by Django in a process of its own.

    python -m tests.torture.audit < QUESTION        prints `Found` as JSON

It waits until T of every receiver has passed `until`: then all that was acknowledged before
is applied, or lost. Then it folds the log of each check in the order of receive times.
"""

import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import django

from app.checks.state import Action, Event, State, Status, StatusFlip, fold, silence

if TYPE_CHECKING:
    from app.checks.models import Check
    from app.pings.models import Ping


@dataclass(frozen=True, slots=True)
class Question:
    """Which project and which server's receivers; T is waited for, in seconds since 1970."""

    project: str
    server: str
    until: float
    patience_seconds: float = 120
    receivers: int = 2


@dataclass(frozen=True, slots=True)
class Found:
    """What the database says.

    `tokens`: how many rows each token has. `late_t`: receivers whose T did not get to
    `until`. The rest are faults, each a sentence.
    """

    tokens: dict[str, int] = field(default_factory=dict)
    late_t: Sequence[str] = ()
    false_downs: Sequence[str] = ()
    wrong_states: Sequence[str] = ()

    @classmethod
    def of_json(cls, text: str) -> "Found":
        """Return what is in a text."""
        return cls(**json.loads(text))


def look(question: Question) -> Found:
    """Wait for T, then read and judge everything."""
    from app.checks.models import Check

    late_t = _wait_for_t(question)
    tokens: Counter[str] = Counter()
    false_downs: list[str] = []
    wrong_states: list[str] = []
    for pk in Check.objects.filter(project__code=question.project).values_list("pk", flat=True):
        check, pings = _one(pk)
        tokens.update(bytes(ping.body or b"").decode().strip() for ping in pings)
        false, wrong = _judged(check, pings)
        false_downs += false
        wrong_states += wrong
    tokens.pop("", None)
    return Found(dict(tokens), late_t, false_downs, wrong_states)


def _wait_for_t(question: Question) -> list[str]:
    """Return the receivers whose T is not there in time, and those that never said one."""
    from app.pings.models import Position

    give_up = time.monotonic() + question.patience_seconds
    until = datetime.fromtimestamp(question.until, UTC)
    mine = Position.objects.filter(server=question.server)
    while True:
        said = list(mine.order_by("slot").values_list("slot", "applied_before"))
        behind = [f"slot {slot}: T is {at}" for slot, at in said if at is None or at < until]
        if len(said) == question.receivers and not behind:
            return []
        if time.monotonic() > give_up:
            return [*behind, f"{len(said)} of {question.receivers} positions are there"]
        time.sleep(0.2)


def _one(pk: int) -> "tuple[Check, list[Ping]]":
    """Return a check and its log of one moment: the notifier may be at work."""
    from django.db import connection, transaction

    from app.checks.models import Check
    from app.pings.models import Ping

    with transaction.atomic():
        if connection.vendor == "postgresql":
            connection.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        check = Check.objects.get(pk=pk)
        return check, list(Ping.objects.filter(check_ref=pk))


def _judged(check: "Check", pings: "list[Ping]") -> tuple[list[str], list[str]]:
    """Compare the check with the fold of its log: (false downs, wrong states)."""
    from app.checks.models import Flip

    in_order = sorted(pings, key=lambda ping: (ping.received_at, ping.action, str(ping.rid)))
    folded = fold(
        check.rules,
        State(),
        [Event(ping.received_at, Action(ping.action), ping.exit_status, ping.rid)
         for ping in in_order],
    )  # fmt: skip
    silent, more = silence(folded.state, datetime.now(UTC))
    flips = [*folded.flips, *more]
    told = list(Flip.objects.filter(check_ref=check, told_at__isnull=False).order_by("at"))
    false_downs = [
        f"check {check.pk} was told down at {flip.at} ({flip.reason})"
        for flip in told
        if flip.new_status == "down" and not _is_down(flips, flip.at)
    ]
    # What was told stays told (checks/late.py): of two first pings, each in a journal of its
    # own, the later one may have been told as the time since when the check is up.
    since = [flip.at for flip in told if flip.new_status == check.status][-1:]
    # A check that fell silent when the load ended may have been judged already, or not.
    states = [folded.state, silent, *(replace(folded.state, status_since=at) for at in since)]
    wrong = []
    if check.state not in states:
        wrong.append(f"check {check.pk}: {check.state}, not {folded.state}")
    numbers = sorted(ping.n for ping in pings)
    if numbers != list(range(1, len(pings) + 1)) or check.n_pings != len(pings):
        wrong.append(f"check {check.pk}: {len(pings)} lines, n_pings {check.n_pings}, or a gap")
    if check.down_at is not None and (check.wake_at is None or check.wake_at > check.down_at):
        wrong.append(f"check {check.pk} would be judged too late: wake_at {check.wake_at}")
    return false_downs, wrong


def _is_down(flips: Sequence[StatusFlip], at: datetime) -> bool:
    """Return True when a check with these flips, in order, is down at that time."""
    past = [flip.new for flip in flips if flip.at <= at]
    return past[-1:] == [Status.DOWN]


if __name__ == "__main__":
    django.setup()
    found = look(Question(**json.loads(sys.stdin.read())))
    print(json.dumps(asdict(found)))  # noqa: T201
