"""The real application under the hardened units, behind the real nginx, with the real database."""

import re
import threading
import time
from collections.abc import Callable

import pytest

from ops.fleets import find_fleet
from ops.release import Release
from provisioning.fleet import Fleet
from tests.ops.labs import lab_of_a_test
from tests.ops.operator import EMPTY, PENDING, fab, shown_plan
from tests.ops.rehearsal import Rehearsal
from tests.ops.servers.releases import SERVICES, access, manage, release_on

pytestmark = [pytest.mark.lab, pytest.mark.long]
STATIC = "/srv/stillhere/static"


def test_pings_pages_drain_and_notifier_run_on_the_newest_debian(
    applied: Fleet, rehearsal: Rehearsal, built: Release
) -> None:
    _serves(applied, rehearsal, built)


def test_pings_pages_drain_and_notifier_run_on_the_older_debian(built: Release) -> None:
    with lab_of_a_test(debian=12) as lab:
        rehearsal = Rehearsal(lab)
        fleet = find_fleet(str(rehearsal.inventory))
        done = fab("apply", "--fleet", str(fleet.path))
        assert done.returncode == 0, done.stdout + done.stderr
        assert shown_plan(fleet).returncode == EMPTY
        _serves(fleet, rehearsal, built)


def _serves(fleet: Fleet, rehearsal: Rehearsal, release: Release) -> None:
    with release_on(rehearsal, "app1", release):
        manage(rehearsal, "app1", "migrate", "--verbosity=0")
        manage(rehearsal, "app1", "check", "--deploy", "--fail-level=ERROR")
        shown = shown_plan(fleet)
        assert shown.returncode == PENDING
        assert "app1  ~ start    unit stillhere-drain.service" in shown.stdout
        done = fab("apply", "--fleet", str(fleet.path))
        assert done.returncode == 0, done.stdout + done.stderr
        assert shown_plan(fleet).returncode == EMPTY
        _pings_are_stored(fleet, rehearsal)
        _pages_are_served(fleet, rehearsal)
        _static_files_are_cached_as_their_names_say(fleet, rehearsal)
        _units_are_shut_in(rehearsal)
        _what_dies_is_back(rehearsal)
        _no_page_is_refused_while_gunicorn_restarts(fleet, rehearsal)
        said = rehearsal.run("app1", ["journalctl", "--no-pager", "-u", "stillhere-*"])
        assert "Traceback" not in said
    assert shown_plan(fleet).returncode == EMPTY


def curl(rehearsal: Rehearsal, url: str, *headers: str) -> str:
    """Ask from a load balancer, as HAProxy would; return the whole answer."""
    given = [word for header in headers for word in ("--header", header)]
    return rehearsal.run("lb1", ["curl", "--silent", "--include", "--max-time", "20", *given, url])


def wait_for(happens: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < deadline, f"waited 20 s for {what}"
        time.sleep(0.2)


def _pings_are_stored(fleet: Fleet, rehearsal: Rehearsal) -> None:
    app1, key = fleet.host("app1"), access(rehearsal, "app1")["ping_key"]
    first = curl(rehearsal, f"http://{app1.address}:8100/ping/{key}/backup?create=1")
    assert first.startswith("HTTP/1.1 201")
    client = ("X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")
    second = curl(rehearsal, f"http://[{app1.address6}]:8101/ping/{key}/backup", *client)
    assert second.startswith("HTTP/1.1 200")

    def stored() -> list[str]:
        sql = "SELECT remote_addr, scheme FROM pings_ping ORDER BY n"
        command = ["runuser", "-u", "postgres", "--", "psql", "-XAtd", "stillhere", "-c", sql]
        return rehearsal.run("db1", command).splitlines()[-2:]

    balancer = fleet.host("lb1").address
    wait_for(lambda: stored() == [f"{balancer}|http", "203.0.113.9|https"], "pings in PostgreSQL")


def _pages_are_served(fleet: Fleet, rehearsal: Rehearsal) -> None:
    pages = f"http://{fleet.host('app1').address}:8080"
    asked = (f"Host: {fleet.site}", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: https")
    assert "HTTP/1.1 200" in curl(rehearsal, f"{pages}/sign-in/", *asked)
    plain = curl(rehearsal, f"{pages}/sign-in/", *asked[:2], "X-Forwarded-Proto: http")
    assert f"Location: https://{fleet.site}/sign-in/" in plain
    assert "HTTP/1.1 400" in curl(rehearsal, f"{pages}/sign-in/", "Host: other", *asked[1:])
    # Who is no balancer is nobody's proxy: what it says of itself is not believed.
    forged = ["curl", "-si", "-H", asked[0], "-H", asked[2], "http://127.0.0.1:8080/sign-in/"]
    assert "HTTP/1.1 301" in rehearsal.run("app1", forged)
    assert "HTTP/1.1 200" in curl(rehearsal, f"{pages}/-/pages")
    rehearsal.run("app1", ["touch", "/etc/stillhere/maintenance"])
    assert "HTTP/1.1 503" in curl(rehearsal, f"{pages}/-/pages")
    rehearsal.run("app1", ["rm", "/etc/stillhere/maintenance"])


def _static_files_are_cached_as_their_names_say(fleet: Fleet, rehearsal: Rehearsal) -> None:
    pages = f"http://{fleet.host('app1').address}:8080/static"
    https = (f"Host: {fleet.site}", "X-Forwarded-Proto: https")
    make = f"mkdir -p {STATIC}/web && cd {STATIC}/web && echo 'a {{}}'"
    rehearsal.run("app1", ["sh", "-c", f"{make} > app.0123456789ab.css && echo > plain.css"])
    for_ever = curl(rehearsal, f"{pages}/web/app.0123456789ab.css", *https)
    assert "Cache-Control: public, max-age=31536000, immutable" in for_ever
    assert "Content-Type: text/css" in for_ever
    assert "Cache-Control: no-cache" in curl(rehearsal, f"{pages}/web/plain.css", *https)
    rehearsal.run("app1", ["rm", "-r", f"{STATIC}/web"])
    # What was not brought beside the releases, the release itself has.
    page = curl(rehearsal, f"{pages.removesuffix('/static')}/sign-in/", *https)
    (style,) = re.findall(r'/static(/[^"]+\.[0-9a-f]{12}\.css)', page)
    assert "HTTP/1.1 200" in curl(rehearsal, pages + style, *https)
    assert "HTTP/1.1 404" in curl(rehearsal, f"{pages}/web/none.css", *https)


def _units_are_shut_in(rehearsal: Rehearsal) -> None:
    for service in SERVICES:
        process = rehearsal.run("app1", ["systemctl", "show", "-P", "MainPID", service]).strip()
        status = rehearsal.run("app1", ["cat", f"/proc/{process}/status"])
        for wanted in ("NoNewPrivs:\t1", "Seccomp:\t2", "CapBnd:\t0000000000000000"):
            assert wanted in status, service
        for path in ("/srv/stillhere/current/app/x", "/etc/x", "/var/lib/x"):
            write = f"nsenter -t {process} -m touch {path} 2>&1 || true"
            assert "Read-only file system" in rehearsal.run("app1", ["sh", "-c", write])
        unit = rehearsal.run("app1", ["systemctl", "cat", service])
        assert re.search(r"^MemoryDenyWriteExecute=yes$", unit, re.MULTILINE)


def _what_dies_is_back(rehearsal: Rehearsal) -> None:
    rehearsal.run("app1", ["systemctl", "kill", "--signal=KILL", *SERVICES])

    def are_back() -> bool:
        states = ["systemctl", "show", "-P", "SubState", *SERVICES]
        restarts = ["systemctl", "show", "-P", "NRestarts", *SERVICES]
        return (
            rehearsal.run("app1", states).split() == ["running"] * len(SERVICES)
            and "0" not in rehearsal.run("app1", restarts).split()
        )

    wait_for(are_back, "every unit to be back")


def _no_page_is_refused_while_gunicorn_restarts(fleet: Fleet, rehearsal: Rehearsal) -> None:
    pages = f"http://{fleet.host('app1').address}:8080/sign-in/"
    asked = (f"Host: {fleet.site}", "X-Forwarded-Proto: https")
    restart = threading.Thread(
        target=rehearsal.run, args=("app1", ["systemctl", "restart", "stillhere-pages.service"])
    )
    restart.start()
    answers: list[str] = []
    while restart.is_alive() or len(answers) < 10:
        answers.append(curl(rehearsal, pages, *asked).splitlines()[0])
    restart.join()
    assert {*answers} == {"HTTP/1.1 200 OK"}
