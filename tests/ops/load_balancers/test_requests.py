"""What becomes of a request: where it goes, what reaches the application, what is refused."""

import re
from typing import Any

import pytest

from ops.remote import Session
from provisioning.flows import PAGES, RECEIVER
from tests.ops.load_balancers.stand import FORGED, FORGERIES, PINGS, SITE, Stand, all_serve

pytestmark = pytest.mark.lab

RECEIVERS = {service.port for service in RECEIVER}
# Opens lines and says nothing; a line that is refused is closed at once, an idle one after 10 s.
IDLE = """
import json, socket, sys, time
address, count = sys.argv[1], int(sys.argv[2])
lines = [socket.create_connection((address, 80), 10) for _ in range(count)]
time.sleep(2)
closed = 0
for line in lines:
    line.setblocking(False)
    try:
        closed += line.recv(1) == b""
    except BlockingIOError:
        pass
    except ConnectionResetError:
        closed += 1
print(json.dumps({"open": count - closed, "closed": closed}))
"""


@pytest.mark.parametrize(
    ("url", "path", "ports"),
    [
        (f"https://{SITE}/", "/", {PAGES.port}),
        (f"https://{SITE}/checks/?tag=a%20b", "/checks/?tag=a%20b", {PAGES.port}),
        (f"https://{SITE}/pingback", "/pingback", {PAGES.port}),
        (f"https://{SITE}/ping/abc/fail?rid=1", "/ping/abc/fail?rid=1", RECEIVERS),
        (f"http://{SITE}/ping/abc", "/ping/abc", RECEIVERS),
        (f"https://{PINGS}/ping/abc", "/ping/abc", RECEIVERS),
        (f"https://{PINGS}/abc/7?rid=1", "/ping/abc/7?rid=1", RECEIVERS),
        (f"http://{PINGS}/abc", "/ping/abc", RECEIVERS),
        (f"http://{PINGS}/", "/ping/", RECEIVERS),
    ],
)
def test_pings_go_to_receivers_and_the_rest_to_the_pages(
    stand: Stand, url: str, path: str, ports: set[int]
) -> None:
    said = stand.echoed(url)
    assert said["path"] == path
    assert said["port"] in ports


def test_pages_in_the_clear_are_sent_to_https(stand: Stand) -> None:
    for host in (SITE, "somebody.else.test"):
        answer = stand.curl(f"http://{stand.address('lb1')}/checks/?a=1", "-H", f"Host: {host}")
        assert (answer.status, answer.headers["location"]) == (301, f"https://{SITE}/checks/?a=1")


def test_a_ping_is_never_redirected_whatever_its_method(stand: Stand) -> None:
    posted = stand.echoed(f"http://{SITE}/ping/abc", "--data", "what happened")
    assert posted["body"] == "what happened"
    assert stand.curl(f"http://{PINGS}/abc", "-I").status == 200


@pytest.mark.parametrize("path", ["/-/pages", "/-/accepting", "//-/pages", "/%2D/metrics"])
def test_health_is_private(stand: Stand, path: str) -> None:
    for host in (SITE, PINGS):
        assert stand.curl(f"https://{host}{path}", "--path-as-is").status == 404


@pytest.mark.parametrize("path", ["/./-/pages", "/a/../-/pages", "/a/%2e%2E/-/pages", "/ping/.."])
def test_a_path_that_others_would_read_otherwise_is_refused(stand: Stand, path: str) -> None:
    assert stand.curl(f"https://{SITE}{path}", "--path-as-is").status == 400
    assert stand.curl(f"https://{SITE}/a..b/.well-known/...", "--path-as-is").status == 200


def test_one_client_cannot_have_all_lines(stand: Stand) -> None:
    with Session(stand.fleet, stand.fleet.host("lb1")) as session:
        (said,) = session.ask("haproxy", commands=["show info"])["answers"]
    most = int(re.findall(r"^Maxconn: (\d+)$", said, re.MULTILINE)[0]) // 20
    done: Any = stand.python("world", IDLE, stand.address("lb1"), str(most + 50))
    assert done["open"] == most
    assert done["closed"] == 50


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize(
    "url", [f"https://{SITE}/", f"https://{PINGS}/abc", f"http://{SITE}/ping/"]
)
def test_what_a_client_says_of_itself_does_not_reach_the_application(
    stand: Stand, url: str, version: str, family: int
) -> None:
    said = stand.echoed(url, version, *FORGERIES, family=family)
    headers: list[list[str]] = said["headers"]
    named = {name: [value for other, value in headers if other == name] for name, _ in headers}
    assert named["x-forwarded-for"] == [stand.address("client", family)]
    assert named["x-forwarded-proto"] == [url.partition(":")[0]]
    assert [pair for pair in headers if FORGED in pair[1] or "gopher" in pair[1]] == []


def test_who_hammers_is_told_to_wait_and_the_others_are_answered(stand: Stand) -> None:
    limit = stand.fleet.ping_rate_per_minute
    done = stand.hammer("world", stand.address("lb1", 6), 2 * limit, "hammer")
    assert done["retry_after"] == "60"
    assert done["seen"]["429"] == 20
    # The minute slides: what was taken in its first seconds may be out of it again.
    assert limit <= done["seen"]["200"] <= 1.5 * limit
    refused = ping(stand, "world", 6)
    assert refused.status == 429
    assert "too many pings" in refused.body
    assert int(refused.headers["content-length"]) == len(refused.body.encode())
    neighbour = f"{stand.address('world', 6).rpartition(':')[0]}:1234"
    stand.run("world", "ip", "address", "add", f"{neighbour}/64", "dev", "eth0", "nodad")
    assert ping(stand, "world", 6, "--interface", neighbour).status == 429  # the same /64
    assert ping(stand, "world", 4).status == 200
    assert ping(stand, "client", 6).status == 200  # of the same /64, and exempt
    assert stand.curl(f"https://{SITE}/", client="world", family=6).status == 200  # no ping


def ping(stand: Stand, client: str, family: int, *options: str) -> Any:
    return stand.curl(f"https://{SITE}/ping/abc", *options, client=client, family=family)


def test_a_ping_that_may_have_been_taken_is_not_sent_again(stand: Stand) -> None:
    answer = stand.curl(f"https://{PINGS}/lost/vanish", "--data", "x", "--http1.1")
    assert answer.status == 502
    assert "send it again" in answer.body
    assert stand.taken("POST /ping/lost/vanish") == 1


def test_a_server_that_takes_no_connection_costs_nobody_an_answer(stand: Stand) -> None:
    """HAProxy has not noticed yet: the first server is refused, another one is asked."""
    if len(stand.apps) == 1:
        pytest.skip("one application server has no other")
    stand.run("app1", "systemctl", "stop", "echo")
    try:
        answers = [stand.curl(f"https://{PINGS}/abc").status for _ in range(7)]
    finally:
        stand.run("app1", "sh", "-c", START)
        stand.wait_until_all_serve()
    assert answers == [200] * 7


START = "systemd-run --quiet --unit echo python3 /run/echo/echo.py 8080 8100 8101"


def test_pings_go_to_who_lags_behind_only_when_nobody_is_prompt(stand: Stand) -> None:
    slow, *_ = sorted(RECEIVERS)
    stand.sicken(str(slow))
    try:
        sick = [f"pings_prompt/{app}-0" for app in stand.apps]
        stand.wait(lambda seen: not any(seen[name].is_serving for name in sick))
        ports = {stand.echoed(f"https://{PINGS}/abc")["port"] for _ in range(6)}
        assert ports == RECEIVERS - {slow}
        stand.sicken("/-/prompt")
        stand.wait(lambda seen: not any_serves(seen, "pings_prompt"))
        assert stand.curl(f"https://{PINGS}/abc").status == 200
    finally:
        stand.sicken()
        stand.wait_until_all_serve()


def test_when_nothing_is_left_people_get_a_page_and_jobs_a_word(stand: Stand) -> None:
    stand.sicken("/-/pages", "/-/prompt", "/-/accepting")
    try:
        stand.wait(lambda seen: not any(one.is_serving for one in seen.values()))
        for version in ("--http1.1", "--http2"):
            page = stand.curl(f"https://{SITE}/", version)
            assert (page.status, page.headers["retry-after"]) == (503, "30")
            assert page.headers["content-type"] == "text/html; charset=utf-8"
            assert "back in a moment" in page.body
            assert int(page.headers["content-length"]) == len(page.body.encode())
            assert stand.curl(f"https://{SITE}/", version, "-I").status == 503
        ping = stand.curl(f"http://{PINGS}/abc")
        assert (ping.status, ping.headers["retry-after"]) == (503, "5")
        assert ping.headers["content-type"] == "text/plain; charset=utf-8"
    finally:
        stand.sicken()
        stand.wait(all_serve)


def any_serves(seen: dict[str, Any], backend: str) -> bool:
    return any(one.is_serving for one in seen.values() if one.backend == backend)


def test_figures_are_for_the_observer_alone(stand: Stand) -> None:
    url = f"http://{stand.address('lb1')}:8404/metrics"
    assert stand.curl(url, "-m", "1").status == 0
    if stand.debian == 13:
        assert "haproxy_server_status" in stand.curl(url, client="obs1").body
