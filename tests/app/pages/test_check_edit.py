"""Add and edit a check."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from app.alerts.models import Channel
from app.checks.models import Check
from app.pages import check_edit
from tests.app.pages.world import Answer, World, form_of_check

BOUNDS = "has to be between 1 minute and 1 year."


def add(client: Client, world: World, **changes: object) -> Answer:
    path = reverse("check_add", args=[world.project.code])
    return client.post(path, form_of_check(**changes))


def edit(client: Client, check: Check, **changes: object) -> Answer:
    fields = form_of_check(name=check.name, slug=check.slug, **changes)
    return client.post(reverse("check_edit", args=[check.code]), fields)


def test_a_new_check_has_its_defaults_and_all_channels_ticked(owner: Client, world: World) -> None:
    page = owner.get(reverse("check_add", args=[world.project.code])).content.decode()
    assert page.count("checked") == 2  # the kind, and the only channel
    assert 'name="period_0" value="1"' in page
    assert '<option value="86400" selected>days' in page


def test_a_check_is_added_with_a_slug_made_from_its_name(owner: Client, world: World) -> None:
    fields = {"period_0": "90", "period_1": "60", "tags": " a  b ", "channels": [world.channel.pk]}
    response = add(owner, world, name="Müller's report", **fields)
    check = Check.objects.get(slug="mullers-report")
    assert response["Location"] == reverse("check", args=[check.code])
    assert (check.name, check.tags, check.project) == ("Müller's report", "a b", world.project)
    assert (check.period_seconds, check.grace_seconds, check.status) == (5_400, 3_600, "new")
    assert list(check.channels.all()) == [world.channel]


def test_an_oncalendar_schedule_of_several_lines_is_stored_in_its_zone(
    owner: Client, world: World
) -> None:
    schedule = "Mon..Fri 03:30\r\nSun 05:00"
    add(owner, world, kind="oncalendar", schedule=schedule, tz="Europe/Kiev", period_0="")
    check = Check.objects.get(name="Report")
    assert check.schedule == "Mon..Fri 03:30\nSun 05:00"
    assert (check.kind, check.tz) == ("oncalendar", "Europe/Kyiv")


@pytest.mark.parametrize(
    ("changes", "field", "message"),
    [
        ({"name": ""}, "name", "This field is required."),
        ({"name": "x" * 101}, "name", "at most 100 characters"),
        ({"slug": "Not A Slug"}, "slug", "Use only a-z"),
        ({"period_0": "59", "period_1": "1"}, "period", BOUNDS),
        ({"period_0": "53", "period_1": "604800"}, "period", BOUNDS),
        ({"period_0": "0"}, "period", BOUNDS),
        ({"period_0": "-1"}, "period", BOUNDS),
        ({"period_0": ""}, "period", "Say how often the job runs."),
        ({"period_0": "many"}, "period", "Enter a whole number."),
        ({"period_0": "9" * 40}, "period", BOUNDS),
        ({"period_1": ""}, "period", "Choose the unit of the period."),
        ({"grace_0": "53", "grace_1": "604800"}, "grace", BOUNDS),
        ({"grace_0": "0"}, "grace", BOUNDS),
        ({"grace_0": ""}, "grace", "This field is required."),
        ({"kind": "cron", "schedule": "* * * *"}, "schedule", "crontab(5)"),
        ({"kind": "cron", "schedule": "0 0 31 2 *"}, "schedule", "a date that never comes"),
        ({"kind": "cron", "schedule": ""}, "schedule", "empty"),
        ({"kind": "oncalendar", "schedule": "2020-01-01"}, "schedule", "never happens"),
        ({"kind": "cron", "schedule": "* * * * *", "tz": "Mars/Base"}, "tz", "Mars/Base"),
        ({"kind": "cron", "tz": ""}, "tz", "This field is required."),
        ({"kind": "oncalendar", "schedule": "x" * 105}, "schedule", "use 100 or fewer"),
        ({"filter_http_body": "on", "start_kw": "x" * 201}, "start_kw", "at most 200 characters"),
        ({"tags": "x" * 501}, "tags", "at most 500 characters"),
        ({"name": "a\0b"}, "name", "Null characters are not allowed."),
    ],
)
def test_a_field_says_what_is_wrong_with_it(
    changes: dict[str, object], field: str, message: str, owner: Client, world: World
) -> None:
    response = add(owner, world, **changes)
    assert response.status_code == 422
    _, _, rest = response.content.decode().partition(f'id="id_{field}_error">')
    assert message in rest.partition("</p>")[0]
    assert rest
    assert Check.objects.count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"tz": "", "schedule": "x" * 105},
        {"tz": "Mars/Base", "schedule": "nonsense"},
        {"kind": "cron", "schedule": "0 3 * * *", "period_0": "0"},
        {"kind": "oncalendar", "schedule": "daily", "period_0": "9" * 40, "period_1": "x"},
        {"failure_kw": "x" * 201},
    ],
)
def test_what_the_choice_hides_cannot_be_wrong(
    changes: dict[str, object], owner: Client, world: World
) -> None:
    assert add(owner, world, **changes).status_code == 302
    check = Check.objects.get(name="Report")
    assert (check.period_seconds, check.tz, check.failure_kw) == (86_400, "UTC", "")
    assert check.schedule == (changes["schedule"] if "kind" in changes else "")


def test_an_edit_leaves_what_it_hides_as_it_was(owner: Client, world: World) -> None:
    Check.objects.update(kind="cron", schedule="0 3 * * *", tz="Europe/Riga", success_kw="ok")
    changes = {"kind": "simple", "schedule": "nonsense", "tz": "", "success_kw": ""}
    assert edit(owner, world.check, **changes).status_code == 302
    check = Check.objects.get()
    assert (check.kind, check.schedule, check.tz) == ("simple", "0 3 * * *", "Europe/Riga")
    assert check.success_kw == "ok"


def test_a_second_check_with_a_slug_is_warned_of_and_not_refused(
    owner: Client, world: World
) -> None:
    add(owner, world, name="Nightly dump")
    twin = Check.objects.get(name="Nightly dump")
    warned = "has the slug &#x27;nightly-dump&#x27; too"
    assert warned in owner.get(reverse("check", args=[twin.code])).content.decode()
    for code in (twin.code, world.check.code):
        assert b"has this slug too" in owner.get(reverse("check_edit", args=[code])).content
    edit(owner, world.check)
    assert warned in owner.get(reverse("check", args=[world.check.code])).content.decode()


def test_channels_of_another_project_cannot_be_chosen(owner: Client, world: World) -> None:
    foreign = Channel.objects.create(
        project=world.stranger.memberships.get().project, kind="email", config={"to": "x@y.org"}
    )
    assert add(owner, world, channels=[foreign.pk]).status_code == 422
    assert add(owner, world, channels=[10**30]).status_code == 422


def test_a_full_project_takes_no_more(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "CHECK_LIMIT", 1)
    assert b"This project has its 1 checks already." in add(owner, world).content
    assert Check.objects.count() == 1


def test_an_edit_shows_what_is_stored(owner: Client, world: World) -> None:
    Check.objects.update(methods="POST", period_seconds=5_400, desc="<b>why</b>", success_kw="ok")
    page = owner.get(reverse("check_edit", args=[world.check.code])).content.decode()
    assert 'name="period_0" value="90"' in page
    assert '<option value="60" selected>minutes' in page
    assert 'id="id_only_post" checked' in page
    assert "&lt;b&gt;why" in page


def test_an_edit_never_writes_a_state_that_is_out_of_date(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ping is drained between the moment a form is read and the moment it is stored."""
    now = timezone.now()
    store = check_edit._store

    def ping_then_store(*args: object) -> None:
        Check.objects.filter(pk=world.check.pk).update(
            status="up", n_pings=7, last_ping_at=now, status_since=now
        )
        store(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(check_edit, "_store", ping_then_store)
    edit(owner, world.check, period_0="2", only_post="on")
    check = Check.objects.get(pk=world.check.pk)
    assert (check.status, check.n_pings, check.last_ping_at) == ("up", 7, now)
    assert (check.period_seconds, check.methods) == (2 * 86_400, "POST")
    assert check.due_at == now + timedelta(days=2)
    assert check.wake_at == now + timedelta(days=2, hours=1)


def test_a_channel_that_is_deleted_meanwhile_is_left_out(
    owner: Client, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = check_edit._store

    def delete_then_store(*args: object) -> None:
        world.channel.delete()
        store(*args)  # type: ignore[arg-type]

    channel = world.channel.pk
    monkeypatch.setattr(check_edit, "_store", delete_then_store)
    assert edit(owner, world.check, channels=[channel]).status_code == 302
    assert not Channel.checks.through.objects.exists()


def test_an_edit_that_makes_a_check_late_flips_it_without_telling(
    owner: Client, world: World
) -> None:
    last = timezone.now() - timedelta(hours=5)
    Check.objects.filter(pk=world.check.pk).update(
        status="up", last_ping_at=last, status_since=last, down_at=last + timedelta(hours=25)
    )
    for is_news in (True, False):
        answer = edit(owner, world.check, period_0="1", period_1="3600")
        page = owner.get(answer["Location"]).content.decode()
        assert ("nobody is told" in page) is is_news
    check = Check.objects.get(pk=world.check.pk)
    assert check.status == "down"
    assert check.flips.get().told_at is not None


def test_an_edit_of_the_slug_reaches_the_receivers(owner: Client, world: World) -> None:
    before = world.check.directory_change
    edit(owner, world.check)
    world.check.refresh_from_db()
    assert world.check.directory_change > before


def test_an_exhausted_schedule_does_not_stop_a_rename(owner: Client, world: World) -> None:
    old = {"kind": "oncalendar", "schedule": "2020-01-01 00:00", "tz": "UTC"}
    Check.objects.filter(pk=world.check.pk).update(**old)
    world.check.name = "renamed"
    assert edit(owner, world.check, **old).status_code == 302
    assert Check.objects.get(pk=world.check.pk).name == "renamed"
