"""What `/-/metrics` says of real processes (receiver_figures.py, drain_figures.py, tally.py)."""

import re
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import connection

from app.checks.models import Check
from app.metrics import catalogue as its
from app.metrics.samples import Sample, packed
from app.pings.receiver_figures import DrainSaid
from tests.app.metrics.test_exporter import parsed
from tests.app.pings.rig import PingPath, ping_path
from tests.app.pings.test_ping_path import check, path, pings
from tests.e2e.service import wait_for

__all__ = ["check", "path"]  # fixtures
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.processes]

Figures = dict[tuple[str, ...], float]


def scraped(path: PingPath, *headers: str) -> Figures:
    status, page = path.request("/-/metrics", *headers)
    assert status == 200, page
    return {(name.removeprefix("stillhere_"), *rest): value
            for (name, *rest), value in parsed(page).items()}  # fmt: skip


def test_pings_commits_and_refusals_are_counted(path: PingPath, check: Check) -> None:
    path.start()
    path.request(f"/ping/{check.code}")  # the directory has it from here on
    pings(check, 1)
    for number in range(4):
        path.request(f"/ping/{check.code}", method="POST", body=b"x" * 1000 * number)
    path.request(f"/ping/{uuid4()}")
    path.request(f"/ping/{check.code}/256")
    path.request("/-/nothing")
    pings(check, 5)
    found = scraped(path)
    assert found["pings_taken_total",] == 6  # the unknown one went into the journal, too
    assert found["pings_refused_total", "404"] == 1
    assert found["pings_refused_total", "400"] == 1
    assert found["journal_commit_pings_sum",] == 6
    assert found["journal_commit_seconds_count",] == found["journal_commit_pings_count",]
    assert 0 < found["journal_commit_seconds_sum",] < 60
    assert 6_000 < found["journal_written_bytes_total",] < 10_000
    assert found["journal_written_bytes_total",] < found["journal_used_bytes",]
    assert found["journal_limit_bytes",] == 2 * 1024**3
    assert found["receiver_healthy", "prompt"] == found["receiver_healthy", "accepting"] == 1
    assert found["directory_checks",] == 1
    assert found["receiver_connections",] == 1  # this one
    assert found["process_resident_bytes", "receiver"] > 10**7


def test_the_drain_speaks_on_the_receivers_page_and_a_dead_one_is_a_gap(
    path: PingPath, check: Check
) -> None:
    path.start()
    for _ in range(3):
        path.request(f"/ping/{check.code}")
    pings(check, 3)

    def told() -> Figures:
        found = scraped(path)
        return found if found.get(("drain_pings_applied_total",)) == 3 else {}

    found = wait_for(told, "the drain's figures", path.log)
    assert found["drain_batch_pings_sum",] == 3
    assert found["drain_batch_seconds_count",] == found["drain_batch_pings_count",] <= 3
    assert found["drain_database_connected",] == found["drain_linked",] == 1
    assert found["process_resident_bytes", "drain"] > 10**7
    found = wait_for(lambda: _with(path, "journal_backlog_bytes", "0"), "journals", path.log)
    assert found["journal_stuck", "0"] == found["journal_kept_short", "0"] == 0
    assert found["journal_damaged_frames", "0"] == 0
    assert ("standby_unflushed_bytes",) not in found  # there is no standby
    path.kill("drain")
    found = wait_for(lambda: _without(path, "drain_pings_applied_total"), "a gap", path.log)
    assert found["drain_linked",] == 0
    assert ("process_resident_bytes", "drain") not in found
    assert found["pings_taken_total",] == 3


def _with(path: PingPath, *key: str) -> Figures:
    found = scraped(path)
    return found if key in found else {}


def _without(path: PingPath, *key: str) -> Figures:
    found = scraped(path)
    return {} if key in found else found


def test_a_drain_that_says_nothing_any_more_is_a_gap_in_the_end() -> None:
    said = DrainSaid()
    said.linked()
    said.hear(packed([Sample(its.APPLIED, 3)]), now=100.0)
    linked = Sample(its.DRAIN_LINKED, 1)
    assert list(said.fresh(102.0)) == [linked, Sample(its.DRAIN_SAID, 2.0), Sample(its.APPLIED, 3)]
    assert list(said.fresh(115.0)) == [linked, Sample(its.DRAIN_SAID, 15.0)]
    said.gone()
    assert list(said.fresh(102.0)) == [Sample(its.DRAIN_LINKED, 0)]


def test_metrics_are_for_this_machine_or_for_who_has_the_token(path: PingPath) -> None:
    path.start("receiver")
    assert path.request("/-/metrics")[0] == 200
    assert b"access-control" not in path.raw(b"GET /-/metrics HTTP/1.0\r\n\r\n").lower()
    assert path.request("/-/metrics", "X-Forwarded-For: 203.0.113.9")[0] == 404
    assert path.request("/-/metrics/")[0] == 404
    path.kill("receiver")
    path.environment["METRICS_TOKEN"] = "s3cret"
    path.start("receiver")
    assert path.request("/-/metrics") == (404, "not found")
    assert path.request("/-/metrics", "Authorization: Bearer other")[0] == 404
    assert path.request("/-/metrics", "Authorization: Bearer s3cret")[0] == 200


def test_a_line_a_second_is_logged_while_there_is_traffic(path: PingPath, check: Check) -> None:
    path.start()
    assert _lines() == []
    path.request(f"/ping/{check.code}")
    pings(check, 1)
    first = wait_for(_lines, "a line", path.log)
    assert sum(int(line[0]) for line in first) == 1
    path.kill("drain")
    for _ in range(5):
        path.request(f"/ping/{check.code}")
    waiting = wait_for(
        lambda: [line for line in _lines() if int(line[1]) == 5], "queued pings", path.log
    )
    aged = wait_for(
        lambda: [line for line in _lines() if int(line[2]) > 1_000], "dwell to grow", path.log
    )
    assert waiting
    assert int(aged[0][1]) == 5
    path.start("drain")
    pings(check, 6)
    wait_for(lambda: _lines()[-1][1:] == ("0", "0"), "the last line", path.log)
    lines = _lines()
    assert sum(int(line[0]) for line in lines) == 6


def _lines() -> list[tuple[str, str, str]]:
    """Return pings a second, queued and dwell in ms of each line so far."""
    text = (settings.DATA_DIR / "receiver.log").read_text().rpartition("receiver ready")[2]
    return re.findall(r"pings per_second=(\d+) queued=(\d+) dwell_ms=(\d+)", text)


@pytest.mark.long
@pytest.mark.skipif(connection.vendor != "sqlite", reason="the same with any database")
def test_kept_and_damaged_segments_are_seen(transactional_db: None, check: Check) -> None:
    with ping_path(SEGMENT_BYTES="4096", JOURNAL_LIMIT_BYTES=str(2**20)) as path:
        path.start()
        for _ in range(10):
            path.request(f"/ping/{check.code}", method="POST", body=b"x" * 1000)
        pings(check, 10)
        path.kill("drain")
        damaged = settings.JOURNAL_DIR / "0" / "damaged"
        damaged.mkdir(exist_ok=True)
        (damaged / "0000000000000001-40").write_bytes(b"y" * 17)
        path.start("drain")
        found = wait_for(lambda: _with(path, "journal_damaged_bytes", "0"), "journals", path.log)
        assert found["journal_damaged_frames", "0"] == 1
        assert found["journal_damaged_bytes", "0"] == 17
        assert 4096 < found["journal_kept_bytes", "0"] < 20_000
        # Until the receiver has said where its journal ends, room that is allocated counts, too.
        wait_for(lambda: _backlog(path) < 100, "the end of the journal", path.log)
        for _ in range(11):
            path.request(f"/ping/{check.code}", method="POST", body=b"x" * 50_000)
        pings(check, 21)
        path.kill("drain")
        path.start("drain")  # what a drain does now and then, it does at its start
        found = wait_for(lambda: _short(path), "kept segments to make room", path.log)
        assert found["journal_kept_bytes", "0"] <= 2**19


def _backlog(path: PingPath) -> float:
    return _with(path, "journal_backlog_bytes", "0")["journal_backlog_bytes", "0"]


def _short(path: PingPath) -> Figures:
    found = _with(path, "journal_kept_short", "0")
    return found if found.get(("journal_kept_short", "0")) else {}
