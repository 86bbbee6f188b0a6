"""The previews of the form of a check: its schedule, and its filtering rules."""

import pytest
from django.test import Client
from django.urls import reverse

from app.checks.models import Check
from tests.app.pages.world import Answer, World, form_of_check


def add(client: Client, world: World, **changes: object) -> Answer:
    path = reverse("check_add", args=[world.project.code])
    return client.post(path, form_of_check(**changes))


def test_a_preview_shows_the_next_dates_and_saves_nothing(owner: Client, world: World) -> None:
    cron = {"kind": "cron", "schedule": "30 3 * * 1", "tz": "Europe/Riga", "preview": "schedule"}
    response = add(owner, world, **cron)
    page = response.content.decode()
    assert response.status_code == 200
    assert "At 03:30 on Monday" in page
    assert page.count("Mon ") == 5
    assert ", 03:30 EE" in page
    assert Check.objects.count() == 1


def test_a_preview_of_what_is_wrong_says_so(owner: Client, world: World) -> None:
    response = add(owner, world, kind="cron", schedule="nonsense", preview="schedule")
    assert response.status_code == 422
    assert b"Correct what is marked above" in response.content


def test_a_preview_does_not_mind_what_is_not_filled_in_yet(owner: Client, world: World) -> None:
    response = add(owner, world, name="", preview="schedule")
    assert response.status_code == 200
    assert b"id_name_error" not in response.content


def preview(client: Client, world: World, part: str = "schedule", **changes: object) -> str:
    """Return what replaces the preview while somebody types."""
    path = reverse("check_edit", args=[world.check.code])
    fields = form_of_check(preview=part, **changes)
    response = client.post(path, fields, headers={"HX-Request": "true"})
    assert response.status_code == 200
    text = response.content.decode()
    assert "<html" not in text
    return text


def test_a_preview_while_typing_is_the_preview_alone(owner: Client, world: World) -> None:
    text = preview(owner, world, kind="oncalendar", schedule="Sun 3:30", tz="Europe/Riga", name="")
    assert "At 03:30 on Sunday" in text
    assert "the clock in Europe/Riga jumps from 03:00 to 04:00" in text
    assert "7 days later" in text
    assert "Enter" in preview(owner, world, period_0="many")
    assert "crontab(5)" in preview(owner, world, kind="cron", schedule="61 * * * *")
    assert Check.objects.get().kind == "simple"


def test_an_expression_that_nobody_began_to_type_is_not_wrong(owner: Client, world: World) -> None:
    text = preview(owner, world, kind="cron", schedule="")
    assert "error" not in text
    assert "The next dates are shown here." in text
    assert "error" in preview(owner, world, kind="cron", schedule=" ")


def test_a_period_is_previewed_with_its_grace(owner: Client, world: World) -> None:
    text = preview(owner, world, period_0="2")
    assert "Every 2 days" in text
    assert "If a ping came now" in text
    assert "is late then" in text


def test_a_schedule_that_is_over_soon_is_said_to_be(owner: Client, world: World) -> None:
    text = preview(owner, world, kind="oncalendar", schedule="2199-12-30..31 12:00")
    assert "After that it never happens again." in text


def test_the_form_shows_the_preview_of_what_is_stored(owner: Client, world: World) -> None:
    Check.objects.update(kind="cron", schedule="15 4 * * *", tz="Asia/Kathmandu")
    path = reverse("check_edit", args=[world.check.code])
    page = owner.get(path).content.decode()
    assert "At 04:15 every day" in page
    assert "04:15 UTC+05:45" in page
    Check.objects.update(schedule="broken")
    assert "cannot be read any more" in owner.get(path).content.decode()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("0 errors, done", "a success, because it has the success word “done”"),
        ("ERROR\ndone", "a failure: the check goes down, because it has the failure word “ERROR”"),
        ("hello", "changes nothing, because it has none of the words"),
    ],
)
def test_rules_can_be_tried_on_a_body(body: str, said: str, owner: Client, world: World) -> None:
    rules = {"filter_http_body": "on", "failure_kw": "ERROR, failed", "success_kw": "done"}
    assert said in preview(owner, world, "words", try_body=body, **rules)
    response = add(owner, world, preview="words", try_body=body, **rules)
    assert said in response.content.decode()
    assert Check.objects.get().failure_kw == ""


def test_a_trial_says_what_is_wrong_with_the_rules(owner: Client, world: World) -> None:
    text = preview(owner, world, "words", filter_http_body="on", start_kw="x" * 201)
    assert "at most 200 characters" in text


def test_a_trial_does_not_mind_a_schedule_that_is_wrong(owner: Client, world: World) -> None:
    rules = {"filter_http_body": "on", "success_kw": "done", "try_body": "done"}
    text = preview(owner, world, "words", kind="cron", schedule="x", **rules)
    assert "success word" in text
