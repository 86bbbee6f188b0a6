"""What a trial of filtering rules says is what the check will make of the ping."""

from datetime import UTC, datetime, timedelta

import pytest

from app.checks.schedule import Kind, Schedule
from app.checks.state import Action, Event, Rules, Status, meaning
from app.pages.filter_trial import trial

RULES = Rules(
    Schedule(Kind.SIMPLE, 60, "", "UTC"),
    timedelta(hours=1),
    filter_http_body=True,
    failure_kw="ERROR, , failed",
    success_kw="done",
    start_kw="starting",
)


@pytest.mark.parametrize(
    ("body", "action", "said"),
    [
        ("done with 1 ERROR", Action.FAIL, "failure word “ERROR”"),
        ("done", Action.SUCCESS, "success word “done”"),
        ("starting", Action.START, "start word “starting”"),
        ("Done", Action.IGN, "none of the words"),
    ],
)
def test_a_trial_says_what_happens_and_why(body: str, action: Action, said: str) -> None:
    event = Event(datetime(2026, 11, 21, tzinfo=UTC), method="POST", body=body.encode())
    assert meaning(RULES, Status.UP, event) is action
    assert said in trial(RULES, body)


def test_without_a_body_there_is_nothing_to_say() -> None:
    assert trial(RULES, " \n") == ""
