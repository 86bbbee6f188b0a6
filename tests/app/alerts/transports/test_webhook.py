import json
import logging
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.alerts.message import Message, Outcome, Verdict
from app.alerts.transports import webhook
from tests.app.alerts.conftest import sink as sink_fixture
from tests.app.alerts.sinks import Answer, HttpSink, Seen
from tests.app.alerts.transports.test_email import CHECK, CODE, MESSAGE

sink = sink_fixture
NAME = 'a "b" & c/d?=#%\n$TAG1 ü'
FACTS = replace(CHECK, name=NAME, as_json='{"name": "x"}', body=b'say "hi"\n$NAME \xff')


def message(**side: Any) -> Message:
    return replace(MESSAGE, config={"down": side, "up": None}, check=FACTS)


def received(sink: HttpSink, path: str = "/", **side: Any) -> Seen:
    outcome = webhook.send(message(**{"url": sink.url + path, "method": "POST"} | side))
    assert outcome == Outcome.sent()
    return sink.seen[-1]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_the_method_is_the_users(sink: HttpSink, method: str) -> None:
    seen = received(sink, method=method, body="hello")
    assert (seen.method, seen.body) == (method, b"" if method == "GET" else b"hello")


@pytest.mark.parametrize(
    ("placeholder", "value"),
    [
        ("$CODE", str(CODE)),
        ("$STATUS", "down"),
        ("$NOW", "2026-03-01T12:00:00+00:00"),
        ("$NAME", NAME),
        ("$NAME_JSON", json.dumps(NAME)),
        ("$SLUG", "nightly"),
        ("$TAGS", "db prod"),
        ("$TAG1", "db"),
        ("$TAG2", "prod"),
        ("$TAG3", "$TAG3"),
        ("$JSON", '{"name": "x"}'),
        ("$BODY", 'say "hi"\n$NAME \ufffd'),
        ("$BODY_JSON", json.dumps('say "hi"\n$NAME \ufffd')),
        ("$EXITSTATUS", "3"),
        ("$UNKNOWN $", "$UNKNOWN $"),
        ("$STATUS$STATUS,$CODEX", f"downdown,{CODE}X"),
    ],
)
def test_placeholders_are_filled_in_once(sink: HttpSink, placeholder: str, value: str) -> None:
    assert received(sink, body=f"<{placeholder}>").body.decode() == f"<{value}>"


def test_a_check_that_never_said_an_exit_status_says_minus_one(sink: HttpSink) -> None:
    side = {"url": sink.url, "method": "POST", "body": "$EXITSTATUS|$BODY|$TAGS|"}
    check = replace(FACTS, exit_status=None, body=b"", tags="")
    webhook.send(replace(MESSAGE, config={"down": side}, check=check))
    assert sink.seen[0].body == b"-1|||"


def test_values_in_the_address_are_encoded(sink: HttpSink) -> None:
    seen = received(sink, "/$SLUG/?name=$NAME&status=$STATUS&now=$NOW")
    query = parse_qs(urlsplit(seen.path).query)
    assert query == {"name": [NAME], "status": ["down"], "now": ["2026-03-01T12:00:00+00:00"]}
    assert seen.path.startswith("/nightly/?")


def test_a_ping_body_is_for_bodies_only(sink: HttpSink) -> None:
    seen = received(sink, "/?b=$BODY", headers={"X-Body": "$BODY"})
    assert parse_qs(urlsplit(seen.path).query) == {"b": ["$BODY"]}
    assert seen.headers["x-body"] == "$BODY"


def test_values_in_headers_stay_on_their_line(sink: HttpSink) -> None:
    check = replace(FACTS, name="x\r\nX-Evil: 1\n备")
    side = {"url": sink.url, "method": "GET", "headers": {"X-Name": "$NAME", "X-S": "$STATUS"}}
    assert webhook.send(replace(MESSAGE, config={"down": side}, check=check)) == Outcome.sent()
    (seen,) = sink.seen
    assert seen.headers["x-name"] == "x X-Evil: 1 &#22791;"
    assert seen.headers["x-s"] == "down"
    assert "x-evil" not in seen.headers


def test_headers_are_ours_only_where_the_user_gave_none(sink: HttpSink) -> None:
    seen = received(sink, body="x")
    assert seen.headers["user-agent"] == "Stillhere"
    assert seen.headers["content-type"] == "text/plain; charset=utf-8"
    assert seen.headers["idempotency-key"] == f'"{message(url=sink.url).notification}"'
    own = {"content-type": "application/json", "USER-AGENT": "me", "idempotency-Key": "mine"}
    seen = received(sink, body="{}", headers=own)
    assert seen.headers["user-agent"] == "me"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["idempotency-key"] == "mine"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 206])
def test_every_answer_of_the_2xx_kind_means_arrived(sink: HttpSink, status: int) -> None:
    sink.answers["/"] = Answer(status)
    assert webhook.send(message(url=f"{sink.url}/")) == Outcome.sent()


@pytest.mark.parametrize("status", [304, 400, 401, 404, 429, 500, 503])
def test_every_other_answer_is_tried_again(sink: HttpSink, status: int) -> None:
    sink.answers["/"] = Answer(status)
    expected = Outcome.retry(f"the webhook answered with status {status}")
    assert webhook.send(message(url=f"{sink.url}/")) == expected


def test_gone_means_gone(sink: HttpSink) -> None:
    sink.answers["/"] = Answer(410)
    assert webhook.send(message(url=f"{sink.url}/")).verdict is Verdict.GONE


def test_our_own_network_is_not_called(sink: HttpSink, settings: Any) -> None:
    settings.ALLOW_PRIVATE_ADDRESSES = False
    outcome = webhook.send(message(url=sink.url))
    assert outcome.verdict is Verdict.RETRY
    assert "private" in outcome.error
    assert sink.seen == []


def test_nothing_of_the_address_is_said_or_logged(
    sink: HttpSink, caplog: pytest.LogCaptureFixture
) -> None:
    port = sink.port
    sink.server.server_close()
    with caplog.at_level(logging.DEBUG):
        outcome = webhook.send(message(url=f"http://user:pass@127.0.0.1:{port}/?token=hidden"))
    assert outcome.verdict is Verdict.RETRY
    assert not any(word in outcome.error + caplog.text for word in ("pass", "hidden", "token"))


def test_a_direction_without_an_address_is_not_wanted_and_not_sent(sink: HttpSink) -> None:
    config = {"down": None, "up": {"url": sink.url}}
    assert webhook.wants(config, "up")
    assert not webhook.wants(config, "down")
    assert webhook.send(replace(MESSAGE, config=config)).verdict is Verdict.REFUSED
    assert sink.seen == []


def test_a_test_of_a_channel_for_up_only_uses_that_address(sink: HttpSink) -> None:
    config = {"down": None, "up": {"url": sink.url, "method": "POST", "body": "$NAME $STATUS"}}
    assert webhook.send(replace(MESSAGE, config=config, check=None)) == Outcome.sent()
    assert sink.seen[0].body == b"Test down"


@pytest.mark.parametrize("config", [None, [], "x", {}, {"down": 1}, {"down": {"url": None}}])
def test_what_no_form_of_ours_wrote_is_not_wanted(config: Any) -> None:
    assert not webhook.wants(config, "down")


def test_a_method_that_is_none_is_refused(sink: HttpSink) -> None:
    assert webhook.send(message(url=sink.url, method="DELETE")).verdict is Verdict.REFUSED
    assert sink.seen == []
