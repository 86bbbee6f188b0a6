"""A live list is told "nothing changed" only when nothing that it shows has changed."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from app.accounts.founding import found
from app.accounts.models import Project, Role
from app.checks import overdue, state
from app.checks.models import Check
from app.pages.check_seen import fingerprint
from app.pings.models import Position
from tests.app.pages.busy import make_busy
from tests.app.pages.world import Answer, World, client_of

HTMX = {"HX-Request": "true"}
NOON = datetime(2026, 11, 21, 12, 0, 10, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Clock:
    """The pages' clock, and the list as one browser has it."""

    def __init__(self, client: Client, world: World) -> None:
        self.now, self.client = NOON, client
        self.url = reverse("checks", args=[world.project.code])

    def part(self, url: str = "") -> tuple[str, str]:
        """Return the list without its fingerprint, and the address that polls."""
        page = self.get(url or self.url).content.decode()
        poll = re.search(r'hx-get="([^"]+seen=\w+)"', page)
        assert poll
        same = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page.replace(poll[1], ""))
        return same, poll[1].replace("&amp;", "&")

    def get(self, url: str) -> Answer:
        with patch("app.pages.check_list.timezone.now", return_value=self.now):
            return self.client.get(url, headers=HTMX)


@pytest.fixture
def clock(world: World) -> Clock:
    with patch("tests.app.pages.busy.timezone.now", return_value=NOON):
        make_busy(world)
    return Clock(client_of(world.owner), world)


def one(name: str) -> Check:
    return Check.objects.get(name=name)


def ping(check: Check, at: datetime, action: state.Action) -> None:
    event = state.Event(received_at=at, action=action)
    check.store_state(state.fold(check.rules, check.state, [event]).state)


def edit(which: str, **changes: object) -> None:
    check = one(which)
    for field, value in changes.items():
        setattr(check, field, value)
    check.save(update_fields=["slug", *changes])


CHANGES: dict[str, Callable[[], object]] = {
    "a ping": lambda: ping(one("a-up"), NOON, state.Action.SUCCESS),
    "a start": lambda: ping(one("a-up"), NOON, state.Action.START),
    "a failure": lambda: ping(one("a-up"), NOON, state.Action.FAIL),
    "a ping to a check that is down": lambda: ping(one("z-down"), NOON, state.Action.SUCCESS),
    "a pause": lambda: one("a-up").pause(NOON),
    "a resume": lambda: one("a-paused").resume(NOON),
    "a name": lambda: edit("a-up", name="renamed"),
    "tags": lambda: edit("a-up", tags="prod"),
    "a schedule": lambda: edit("a-up", kind="cron", schedule="1 2 * * *", tz="Asia/Tokyo"),
    "a period": lambda: edit("a-up", period_seconds=60),
    "a grace": lambda: edit("a-up", grace_seconds=60),
    "how it resumes": lambda: edit("a-paused", manual_resume=True),
    "a new check": lambda: Check.objects.create(project=one("a-up").project),
    "a deletion": lambda: one("a-up").erase(),
    "a silent receiver": lambda: Position.objects.create(
        slot=0, server="a", applied_before=NOON - 30 * SECOND
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changes_is_shown(change: str, clock: Clock) -> None:
    before, poll = clock.part()
    assert clock.get(poll).status_code == 204
    CHANGES[change]()
    after, _ = clock.part(poll)
    assert after != before


def test_who_may_write_and_in_which_zone_one_reads_is_shown(clock: Clock, world: World) -> None:
    _, poll = clock.part()
    world.owner.tz = "Europe/Riga"
    world.owner.save()
    page, poll = clock.part(poll)
    assert "EET" in page
    world.project.members.filter(user=world.owner).update(role=Role.READ_ONLY)
    page, _ = clock.part(poll)
    assert "formaction" not in page


def test_a_deadline_that_passes_is_shown(clock: Clock) -> None:
    Check.objects.filter(name="a-up").update(due_at=NOON + 5 * SECOND, down_at=NOON + 20 * SECOND)
    _, poll = clock.part()
    for seconds, status in ((5, "late"), (20, "down")):
        clock.now = NOON + (seconds - 1) * SECOND
        assert clock.get(poll).status_code == 204
        clock.now = NOON + seconds * SECOND
        page, poll = clock.part(poll)
        assert re.search(rf'<tr class="is-{status}">(?:(?!</tr>).)*>a-up<', page)


def test_nothing_is_sent_within_a_minute_and_all_of_it_in_the_next(
    clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    ping(one("a-up"), NOON, state.Action.SUCCESS)
    page, poll = clock.part()
    assert "just now</time>" in page
    clock.now = NOON + 49 * SECOND
    with django_assert_num_queries(5):  # session, user, memberships, receivers, seen
        assert clock.get(poll).status_code == 204
    clock.now = NOON + 61 * SECOND
    page, _ = clock.part(poll)
    assert "1 min ago</time>" in page


def test_what_nobody_sees_sends_nothing(clock: Clock, world: World) -> None:
    _, poll = clock.part()
    elsewhere = Check.objects.create(project=found(world.owner, "Second"), name="not here")
    ping(elsewhere, NOON, state.Action.SUCCESS)
    Check.objects.filter(name="overdue").update(wake_at=NOON)
    overdue.judge(NOON, NOON)  # says what the clock has said already
    assert one("overdue").status == "down"
    assert clock.get(poll).status_code == 204


def test_checks_that_trade_places_by_hand_are_shown(world: World) -> None:
    four = [Check.objects.create(project=world.project) for _ in range(4)]
    checks = Check.objects.filter(pk__in=[check.pk for check in four])
    for check in four[1:3]:
        check.pause(NOON - SECOND)
    before = fingerprint(checks, NOON)
    for check, verb in zip(
        four, (Check.pause, Check.resume, Check.resume, Check.pause), strict=True
    ):
        verb(Check.objects.get(pk=check.pk), NOON)
    assert fingerprint(checks, NOON) != before


def test_a_plain_visit_with_a_known_fingerprint_gets_the_page(clock: Clock) -> None:
    _, poll = clock.part()
    assert clock.client.get(poll).status_code == 200


VERBS = [*state.Action, "pause", "resume", "rename", "erase", "judge", "wait"]


@settings(max_examples=60)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(VERBS), st.integers(0, 3), st.integers(0, 90)), max_size=8
    )
)
@pytest.mark.django_db
def test_lists_that_look_different_have_different_fingerprints(
    steps: list[tuple[str, int, int]],
) -> None:
    project = Project.objects.create(name="Production")
    for number in range(4):
        Check.objects.create(project=project, name=f"{number}", period_seconds=60, grace_seconds=60)
    checks = Check.objects.filter(project=project).order_by("pk")
    now, sights = NOON, dict[str, Any]()
    for verb, number, seconds in steps:
        now += seconds * SECOND
        if check := checks.filter(name__startswith=f"{number}").first():
            act(check, verb, now)
        read = checks.all()  # anew: a queryset keeps what it has read
        sight = [(one.code, one.name, one.shown(now), one.last_start_at) for one in read]
        assert sights.setdefault(fingerprint(checks, now), sight) == sight


def act(check: Check, verb: str, now: datetime) -> None:
    """Do to the check what the drain, the notifier or a person would."""
    if verb == "rename":
        check.name += "!"
        check.save(update_fields=["name", "slug"])
    elif verb == "judge":
        overdue.judge(now, now)
    elif verb == "resume" and check.status != "paused":
        check.pause(now)
    elif verb in ("pause", "resume"):
        getattr(check, verb)(now)
    elif verb == "erase":
        check.erase()
    elif verb != "wait":
        ping(check, now, state.Action(verb))
