import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from app.alerts import unsubscribe
from app.alerts.message import CheckFacts, Message, Outcome, Verdict
from app.alerts.transports import email
from app.checks.schedule import Kind, Schedule
from tests.app.alerts.conftest import smtp as smtp_fixture
from tests.app.alerts.sinks import SmtpSink

smtp = smtp_fixture
FLIP = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CODE = UUID("7e1f0f0e-42a6-4c5b-8f4f-0c5b8b1f0a11")
CHECK = CheckFacts(
    code=CODE,
    name="nightly <backup> & co",
    slug="nightly",
    tags="db prod",
    schedule=Schedule(Kind("cron"), 0, "0 3 * * *", "Europe/Riga"),
    grace_seconds=5400,
    last_ping_at=FLIP - timedelta(days=1),
    body=b"disk \xff full",
    exit_status=3,
    as_json="",
)
MESSAGE = Message(
    notification=UUID(int=1),
    channel=UUID(int=2),
    channel_name="Ann",
    project="Things",
    config={"to": "ann@example.org", "on_down": True, "on_up": True},
    status="down",
    reason="timeout",
    flip_at=FLIP,
    sent_at=FLIP + timedelta(seconds=1),
    check=CHECK,
)


def sent(smtp: SmtpSink, message: Message = MESSAGE) -> EmailMessage:
    assert email.send(message) == Outcome.sent()
    return smtp.mails[-1]


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_the_mail_says_what_when_and_where(smtp: SmtpSink, settings: Settings) -> None:
    settings.SITE_ROOT = "https://still.example.org"
    mail = sent(smtp)
    assert mail["Subject"] == "DOWN | nightly <backup> & co"
    assert mail["To"] == "ann@example.org"
    text = part(mail, "plain")
    assert "went down at 2026-03-01 14:00:00 Europe/Riga (2026-03-01 12:00:00 UTC)" in text
    assert "Last ping: 2026-02-28 14:00:00 Europe/Riga (2026-02-28 12:00:00 UTC)" in text
    assert "Schedule:  cron 0 3 * * * (Europe/Riga), grace 1 hour 30 minutes" in text
    assert f"https://still.example.org/checks/{CODE}/" in text
    assert "Exit:      3" in text
    assert "disk \ufffd full" in text
    assert "nightly <backup> & co" in text


def test_the_html_says_the_same_and_escapes_names(smtp: SmtpSink) -> None:
    html = part(sent(smtp), "html")
    assert "nightly &lt;backup&gt; &amp; co" in html
    assert "<backup>" not in html
    assert "2026-03-01 14:00:00 Europe/Riga (2026-03-01 12:00:00 UTC)" in html
    assert f'href="http://localhost:8000/checks/{CODE}/"' in html


def test_up_says_up_and_a_failure_says_so(smtp: SmtpSink) -> None:
    up = sent(smtp, replace(MESSAGE, status="up", reason=""))
    assert up["Subject"].startswith("UP | ")
    assert "came back up at" in part(up, "plain")
    failed = sent(smtp, replace(MESSAGE, reason="fail"))
    assert "reported a failure at" in part(failed, "plain")


def test_mail_programs_find_the_one_click_way_out(smtp: SmtpSink) -> None:
    mail = sent(smtp)
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = unsubscribe.url(MESSAGE.channel, MESSAGE.sent_at)
    # Folded or not, but in one piece and not encoded.
    assert re.search(rb"^List-Unsubscribe: (\r\n )?<http\S+>\r\n", smtp.raw[0], re.MULTILINE)
    assert mail["List-Unsubscribe"].strip() == f"<{link}>"
    assert link in part(mail, "plain")
    assert link in part(mail, "html")


def test_a_repeated_attempt_is_the_same_mail(smtp: SmtpSink) -> None:
    assert sent(smtp)["Message-ID"] == sent(smtp)["Message-ID"]
    other = replace(MESSAGE, notification=UUID(int=9))
    assert sent(smtp, other)["Message-ID"] != smtp.mails[0]["Message-ID"]


@pytest.mark.parametrize("line_break", ["\r\n", "\n", "\r", "\x0b", "\u2028", "\x85"])
def test_a_name_with_a_line_break_adds_no_header(smtp: SmtpSink, line_break: str) -> None:
    name = f"x{line_break}Bcc: victim@example.org{line_break}{line_break}body"
    mail = sent(smtp, replace(MESSAGE, check=replace(CHECK, name=name)))
    assert mail["Bcc"] is None
    assert mail["Subject"] == "DOWN | x Bcc: victim@example.org body"


def test_names_in_any_script_arrive(smtp: SmtpSink) -> None:
    name = "žurnāls 備份 " + "x" * 80
    assert sent(smtp, replace(MESSAGE, check=replace(CHECK, name=name)))["Subject"].endswith(name)


def test_a_check_without_a_name_is_called_by_its_code(smtp: SmtpSink) -> None:
    mail = sent(smtp, replace(MESSAGE, check=replace(CHECK, name="")))
    assert mail["Subject"] == f"DOWN | {CODE}"


def test_a_zone_that_is_not_known_is_shown_as_utc(smtp: SmtpSink) -> None:
    check = replace(CHECK, schedule=Schedule(Kind("simple"), 86_400, "", "Mars/Base"))
    text = part(sent(smtp, replace(MESSAGE, check=check)), "plain")
    assert "went down at 2026-03-01 12:00:00 UTC." in text
    assert "every 1 day" in text


def test_a_test_says_that_it_is_one(smtp: SmtpSink) -> None:
    mail = sent(smtp, replace(MESSAGE, check=None))
    assert mail["Subject"] == "TEST | Stillhere"
    assert "This is a test from Stillhere, of the channel Ann." in part(mail, "plain")
    assert "This is a test" in part(mail, "html")


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("550 5.1.1 no such user", Verdict.GONE),
        ("553 5.1.3 bad address", Verdict.GONE),
        ("550 5.2.1 mailbox closed", Verdict.GONE),
        ("550 relay not permitted", Verdict.RETRY),
        ("554 5.7.1 relay access denied", Verdict.RETRY),
        ("550 5.1.8 sender unknown", Verdict.RETRY),
        ("451 4.7.1 greylisted", Verdict.RETRY),
        ("450 5.1.1 not yet", Verdict.RETRY),
    ],
)
def test_only_a_mailbox_that_is_not_there_ends_the_channel(
    smtp: SmtpSink, reply: str, verdict: Verdict
) -> None:
    smtp.refuse = lambda _to: reply
    outcome = email.send(MESSAGE)
    assert outcome.verdict is verdict
    assert reply in outcome.error
    assert smtp.mails == []


@pytest.mark.usefixtures("smtp")
def test_a_server_that_is_away_is_tried_again(settings: Settings) -> None:
    settings.EMAIL_PORT = 1
    outcome = email.send(MESSAGE)
    assert outcome.verdict is Verdict.RETRY
    assert "mail server" in outcome.error


@pytest.mark.parametrize(
    "to",
    [None, "", "nobody", "a@b\r\nBcc: c@example.org", "a@example.org, b@", f"a@{60 * chr(252)}.de"],
)
def test_an_address_that_is_none_ends_the_channel(smtp: SmtpSink, to: Any) -> None:
    assert email.send(replace(MESSAGE, config={"to": to})).verdict is Verdict.GONE
    assert smtp.mails == []


def test_directions_can_be_switched_off() -> None:
    config = {"to": "a@example.org", "on_down": True, "on_up": False}
    assert email.wants(config, "down")
    assert not email.wants(config, "up")


def test_a_mail_that_may_be_a_repeat_says_so(smtp: SmtpSink) -> None:
    for message, is_said in ((MESSAGE, False), (replace(MESSAGE, may_be_repeated=True), True)):
        mail = sent(smtp, message)
        for kind in ("plain", "html"):
            assert ("You may have been told this before" in part(mail, kind)) is is_said
