"""What hosts think of certificates by themselves, with what Debian has."""

import os
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from provisioning import renewal
from provisioning.programs import renewing
from provisioning.programs.certifying import Failed
from tests.ops.certificates.authorities import NAMES, Authority, ecdsa_key, self_signed
from tests.provisioning.described import PLAIN, described_fleet

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(not_after=datetime.now(UTC) + 1_000 * DAY)


def issued(authority: Authority, days: float = 60, names: tuple[str, ...] = NAMES) -> str:
    now = datetime.now(UTC)
    leaf = authority.issue(ecdsa_key(), names, now - 2 * DAY, now + days * DAY + DAY / 100)
    return leaf + authority.certificate


@pytest.mark.parametrize(("days", "is_due"), [(31, False), (30, False), (29, True), (-1, True)])
def test_what_expires_within_thirty_days_is_due(
    authority: Authority, days: float, is_due: bool
) -> None:
    assert bool(renewing.due(issued(authority, days), list(NAMES), renewal.RENEW_DAYS)) == is_due


def test_what_is_not_for_all_names_is_due(authority: Authority) -> None:
    why = renewing.due(issued(authority, names=NAMES[:1]), list(NAMES), 30)
    assert why == f"is not for {NAMES[1]}"


def test_a_balancer_takes_nothing_that_clients_would_not(authority: Authority) -> None:
    names = list(NAMES)
    assert renewing.trouble_of(issued(authority), names) == ""
    assert "expired" in renewing.trouble_of(issued(authority, -1), names)
    assert NAMES[1] in renewing.trouble_of(issued(authority, names=NAMES[:1]), names)
    own = self_signed(ecdsa_key())
    assert "self-signed" in renewing.trouble_of(own + authority.certificate, names)
    alone = issued(authority).removesuffix(authority.certificate)
    assert "intermediate" in renewing.trouble_of(alone, names)


def test_only_balancers_may_come_and_each_for_the_two_files_alone() -> None:
    fleet = described_fleet()
    observer = fleet.host("obs1")
    lines = list(renewal.keys_of_balancers(fleet, observer))
    assert [line.split()[-1] for line in lines] == ["lb1", "lb2"]
    for line, name in zip(lines, ("lb1", "lb2"), strict=True):
        host = fleet.host(name)
        assert line.startswith(f'restrict,from="{host.address},{host.address6}",command="tar ')
        assert host.host_key in line
    for other in fleet.hosts:
        if other != observer:
            assert list(renewal.keys_of_balancers(fleet, other)) == []


def test_nothing_is_on_a_timer_where_nothing_could_be_ordered() -> None:
    fleet, observer = described_fleet(), described_fleet().host("obs1")
    assert renewal.ordering(fleet, observer, PLAIN)
    without = {name: value for name, value in PLAIN.items() if not name.startswith("dns_")}
    assert renewal.ordering(fleet, observer, without) == ()


@pytest.mark.parametrize(("result", "path"), [("success", "/k/c"), ("exit-code", "/k/c/fail")])
def test_a_timer_tells_its_own_check_how_it_ended(
    monkeypatch: pytest.MonkeyPatch, result: str, path: str
) -> None:
    seen = []

    class Check(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    monkeypatch.setitem(os.environ, "SERVICE_RESULT", result)
    with HTTPServer(("127.0.0.1", 0), Check) as server:
        Thread(target=server.handle_request, daemon=True).start()
        renewing.report({"report": f"http://127.0.0.1:{server.server_port}/k/c"})
    assert seen == [f"{path}?create=1"]


def test_a_check_that_cannot_be_told_is_named_without_its_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(renewing, "TRIES", 1)
    with pytest.raises(Failed) as raised:
        renewing.report({"report": "http://127.0.0.1:1/ping/the-key/c"})
    assert "the-key" not in str(raised.value)
