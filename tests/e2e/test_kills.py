"""kill -9 at the worst moment: pings are kept, alerts are sent, processes come back."""

import os
import signal
import time
from typing import Any
from urllib.error import URLError

import psutil
import pytest

from tests.e2e.load import light_load
from tests.e2e.service import KEPT, Service, wait_for
from tests.e2e.sinks import HttpSink
from tests.e2e.world import Job, new_job

pytestmark = pytest.mark.processes

# Two seconds on a machine that has nothing else to do; what backs off takes fifteen.
SOON = 6


def settled(job: Job, acknowledged: int) -> None:
    """Wait until everything that was acknowledged is in the database."""
    wait_for(lambda: job.n_pings() >= acknowledged, "the drain", job.service.output)


def has_pages(service: Service) -> bool:
    try:
        return "Sign in" in service.get("/sign-in/")
    except URLError:
        return False


def test_each_process_may_die_under_load_and_the_others_do_not_notice(service: Service) -> None:
    job = new_job(service, period_seconds=3600)
    with light_load(job) as ledger:
        for name in ("drain", "pages", "notifier"):
            others = {kept: pid for kept, pid in service.pids().items() if kept != name}
            old = service.kill(name)
            assert service.wait_until_back(name, old) < SOON
            time.sleep(1.2)  # what dies in its first second is held back on purpose
            assert others.items() <= service.pids().items()
        assert ledger.failed_at == []

        old = service.kill("receiver")
        assert service.wait_until_back("receiver", old) < SOON
        count = len(ledger.acknowledged)
        wait_for(lambda: len(ledger.acknowledged) > count + 20, "pings to be taken again")
        assert ledger.outage_seconds() < SOON
    wait_for(lambda: has_pages(service), "the pages")
    settled(job, len(ledger.acknowledged))
    assert ledger.differences(job.rows()) == {}


def test_all_of_them_may_die_at_once(service: Service) -> None:
    job = new_job(service, period_seconds=3600)
    with light_load(job) as ledger:
        for _ in range(3):
            time.sleep(1.5)
            old = service.pids()
            for pid in service.all_pids():
                os.kill(pid, signal.SIGKILL)
            for name in KEPT:
                service.wait_until_back(name, old[name])
        time.sleep(1.5)
    settled(job, len(ledger.acknowledged))
    assert ledger.acknowledged
    assert ledger.differences(job.rows()) == {}


def test_no_child_outlives_the_supervisor_and_the_next_start_continues(service: Service) -> None:
    job = new_job(service, period_seconds=3600)
    with light_load(job) as ledger:
        time.sleep(1)
        children = [psutil.Process(pid) for pid in service.all_pids()]
        assert len(children) == len(KEPT) + 1  # gunicorn's worker
        assert service.process is not None
        service.process.kill()
        service.process.wait()
        _, alive = psutil.wait_procs(children, timeout=2)
        assert alive == []
    service.start()
    with light_load(job):
        time.sleep(0.5)
    settled(job, len(ledger.acknowledged))
    found = ledger.differences(job.rows())
    assert "lost" not in found
    assert "misnumbered" not in found


def test_the_next_start_does_not_wait_for_the_last_one_to_be_gone(service: Service) -> None:
    """Its remains are no stranger on the port, however quickly one is."""
    killed = service.process
    assert killed is not None
    killed.kill()
    service.start()
    killed.wait()
    assert service.ping(f"{service.bootstrap()['ping_key']}/job?create=1") == "Created"


def test_no_notification_is_lost_when_the_notifier_dies(
    service: Service, webhooks: HttpSink
) -> None:
    job = new_job(service, webhooks)
    for count in (1, 2, 3):
        job.ping()
        time.sleep(2.0 + 0.05 * count)  # it goes down now: judged, told or being sent
        service.wait_until_back("notifier", service.kill("notifier"))
        wait_for(
            lambda count=count: webhooks.paths().count("/down") >= count,  # type: ignore[misc]
            "the webhook", service.output, timeout_seconds=30,
        )  # fmt: skip
    job.ping()
    service.wait_until_back("notifier", service.kill("notifier"))
    wait_for(lambda: webhooks.paths().count("/up") >= 3, "the webhook", service.output)

    def told() -> list[dict[str, Any]]:
        # The first flip, new to up, is told to nobody; later the job falls silent again.
        return job.flips()[1:7]

    assert [flip["new"] for flip in told()] == ["down", "up"] * 3
    wait_for(
        lambda: all(flip["states"] == ["sent", "sent"] for flip in told()),
        "everything to be sent", service.output,
    )  # fmt: skip


def test_a_check_that_fell_and_rose_without_a_notifier_is_reported(
    service: Service, webhooks: HttpSink
) -> None:
    job = new_job(service, webhooks)
    os.kill(service.pids()["notifier"], signal.SIGSTOP)
    job.ping()
    time.sleep(2.5)
    job.ping()
    os.kill(service.pids()["notifier"], signal.SIGCONT)
    wait_for(lambda: webhooks.paths()[:2] == ["/down", "/up"], "both webhooks", service.output)
