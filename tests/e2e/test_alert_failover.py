"""A failover that forgets what was told: it is told again, under its old key, and says so."""

from pathlib import Path

import pytest

from tests.app.alerts.sinks import HttpSink, Seen, SmtpSink, http_sink, smtp_sink
from tests.clusters import Pair, running_pair
from tests.e2e.ping_server import PingServer
from tests.e2e.service import wait_for

pytestmark = [pytest.mark.processes, pytest.mark.own_database]
_REPEATED = "stillhere-may-be-repeated"


def ready(server: PingServer, webhook: str) -> str:
    """Make a check whose alerts go to the webhook and to a mailbox; return where to ping it."""
    server.manage("migrate", "--verbosity=0")
    side = {"method": "POST", "headers": {}, "body": "$NAME"}
    config = {name: {**side, "url": f"{webhook}/{name}"} for name in ("down", "up")}
    code = server.evaluate(f"""
from app.accounts.founding import found
from app.accounts.models import User
from app.alerts.models import Channel
from app.checks.models import Check
project = found(User.objects.create_user("ada@example.org"), "Jobs")
check = Check.objects.create(project=project, name="Nightly backup")
Channel.objects.create(project=project, kind="webhook", config={config!r})
Channel.objects.create(project=project, kind="email", config={{"to": "ada@example.org"}})
check.channels.set(project.channels.all())
result = str(check.code)
""")
    return f"/ping/{code}"


def test_the_notifier_goes_on_over_a_failover_and_repeats_what_was_forgotten(
    tmp_path: Path,
) -> None:
    with running_pair() as pair, http_sink() as webhooks, smtp_sink() as mail:
        smtp = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(mail.port), "EMAIL_USE_TLS": "0"}
        server = PingServer.on(pair.url, tmp_path / "one", **smtp)
        try:
            path = ready(server, webhooks.url)
            server.start("receiver", "drain", "notifier")
            fail_over(pair, server, path, webhooks, mail)
            assert server.ping(path) == 200
            told(server, webhooks, "/down", "/down", "/up")
            mailed(server, mail, 3)
            assert {name: one.poll() for name, one in server.processes.items()} == dict.fromkeys(
                ("receiver", "drain", "notifier")
            ), "somebody had to be started again"
        finally:
            server.close()
    judge(webhooks.seen)
    judge_mails(mail)


def fail_over(
    pair: Pair, server: PingServer, path: str, webhooks: HttpSink, mail: SmtpSink
) -> None:
    """Tell of a check that is down, and lose that with the primary."""
    assert server.ping(path) == 200
    up = "SELECT 1 FROM checks_check WHERE status = 'up'"
    wait_for(lambda: pair.primary.ask(up), "the check to be up", server.log, timeout_seconds=90)
    pair.catch_up()
    pair.lag()
    assert server.ping(f"{path}/fail") == 200
    told(server, webhooks, "/down")
    mailed(server, mail, 1)
    # The notifier finds the new primary last: its first turn there meets what the drain replayed.
    with server.held("notifier"):
        pair.primary.kill()
        pair.promote()
        replayed = "SELECT 1 FROM checks_flip WHERE new_status = 'down'"
        wait_for(lambda: pair.standby.ask(replayed), "the flip", server.log, timeout_seconds=90)
    told(server, webhooks, "/down", "/down")


def told(server: PingServer, webhooks: HttpSink, *paths: str) -> None:
    """Wait until the webhook has heard all of it."""
    wait_for(lambda: len(webhooks.seen) >= len(paths), "a webhook", server.log, timeout_seconds=90)
    assert webhooks.paths() == list(paths)


def mailed(server: PingServer, mail: SmtpSink, count: int) -> None:
    """Wait until so many mails have come."""
    wait_for(lambda: len(mail.mails) == count, "mails", server.log, timeout_seconds=90)


def judge(heard: list[Seen]) -> None:
    assert [_REPEATED in one.headers for one in heard] == [False, True, False]
    first, again, later = (one.headers["idempotency-key"] for one in heard)
    assert first == again != later


def judge_mails(mail: SmtpSink) -> None:
    first, again = mail.mails[:2]
    assert first["Message-ID"] == again["Message-ID"]
    said = "You may have been told this before"
    texts = [one.get_body(("plain",)) for one in (first, again)]
    assert [text is not None and said in text.get_content() for text in texts] == [False, True]
