"""The whole promise: a job pings, falls silent, and a person is told."""

import time

import pytest

from tests.e2e.service import Service, wait_for
from tests.e2e.sinks import HttpSink, SmtpSink
from tests.e2e.world import new_job

pytestmark = pytest.mark.processes


def test_a_silent_job_reaches_a_person_and_so_does_its_return(
    service: Service, webhooks: HttpSink, mail: SmtpSink
) -> None:
    assert "Sign in" in service.get("/sign-in/")
    job = new_job(service, webhooks)
    pinged_at = time.time()
    assert job.ping() == "OK"

    wait_for(lambda: webhooks.paths() == ["/down"], "the webhook", service.output)
    wait_for(lambda: len(mail.received) == 1, "the e-mail", service.output)
    assert 1.9 < webhooks.received[0].at - pinged_at < 6  # period and grace are 1 s each
    assert webhooks.received[0].body == "Nightly backup"
    assert mail.received[0]["To"] == "ada@example.org"
    assert "down" in mail.subjects()[0].lower()

    assert service.ping(f"{job.ping_key}/{job.slug}") == "OK"
    wait_for(lambda: webhooks.paths() == ["/down", "/up"], "the other webhook", service.output)
    wait_for(lambda: len(mail.received) == 2, "the other e-mail", service.output)
    assert "up" in mail.subjects()[1].lower()


def test_a_check_is_created_by_a_ping(service: Service) -> None:
    key = service.bootstrap()["ping_key"]
    assert service.ping(f"{key}/new-job?create=1") == "Created"
    assert service.ping(f"{key}/new-job") == "OK"
