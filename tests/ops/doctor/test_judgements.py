"""What a doctor says about each answer: pure, each fault once."""

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haproxy.stats import Admin, Report
from ops.doctor import backends, certificates, clocks, database, disks, health, names, served
from ops.doctor.seen import Clock, Level
from ops.inventory import read_fleet
from provisioning.fleet import Fleet, Role
from tests.ops.inventories import inventory
from tests.ops.self_signed import certificate as made

GIB = 2**30
NOW = 1_800_000_000.0
SECONDS = st.floats(-10_000, 10_000)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    """Return a fleet whose first load balancer is not public, and whose second one is."""
    path = tmp_path_factory.mktemp("fleet") / "berlin.toml"
    second = 'address = "192.0.2.12"'
    path.write_text(inventory(changed={second: f"public = true\n{second}"}), "utf-8")
    return read_fleet(path)


# Clocks.


@given(ahead=SECONDS, unsure=st.floats(0, 100))
def test_a_clock_is_red_only_when_it_is_surely_wrong(ahead: float, unsure: float) -> None:
    level, _ = clocks.judged(Clock(ahead, unsure), 0.0)
    assert (level is Level.RED) == (abs(ahead) - unsure > clocks.MOST_SKEW_SECONDS)


@given(
    error=SECONDS.filter(lambda one: abs(one) > 1.5),
    jitter=st.lists(st.floats(-0.2, 0.2), min_size=3),
)
def test_hosts_that_agree_against_us_accuse_our_own_clock(
    error: float, jitter: list[float]
) -> None:
    found = {str(number): Clock(error + one, 0.01) for number, one in enumerate(jitter)}
    ours = clocks.own_error_seconds(found)
    assert ours == pytest.approx(error, abs=0.5)
    assert all(clocks.judged(one, ours)[0] is Level.GREEN for one in found.values())


def test_one_host_that_differs_accuses_itself() -> None:
    found = {"a": Clock(0.0, 0.01), "b": Clock(0.1, 0.01), "c": Clock(-7.0, 0.01)}
    assert clocks.own_error_seconds(found) == 0.0
    level, words = clocks.judged(found["c"], 0.0)
    assert level is Level.RED
    assert "7.00 s behind" in words
    assert clocks.own_error_seconds({"a": Clock(7.0, 0.01)}) == 0.0


def test_an_answer_that_took_long_is_no_accusation() -> None:
    assert clocks.judged(Clock(3.0, 4.0), 0.0)[0] is Level.NOTE


# Disks.


@pytest.mark.parametrize(
    ("size", "free", "free_files", "read_only", "level"),
    [
        (100 * GIB, 50 * GIB, 900, False, Level.GREEN),
        (100 * GIB, 15 * GIB, 900, False, Level.NOTE),
        (100 * GIB, 9 * GIB, 900, False, Level.RED),
        (4000 * GIB, 300 * GIB, 900, False, Level.GREEN),  # 7 %, and much
        (4000 * GIB, 9 * GIB, 900, False, Level.RED),
        (100 * GIB, 50 * GIB, 150, False, Level.NOTE),
        (100 * GIB, 50 * GIB, 50, False, Level.RED),
        (100 * GIB, 50 * GIB, 900, True, Level.RED),
    ],
)
def test_room_and_inodes_are_judged(
    size: int, free: int, free_files: int, read_only: bool, level: Level
) -> None:
    disk = {"path": "/var", "size_bytes": size, "free_bytes": free, "files": 1_000}
    disk |= {"free_files": free_files, "read_only": read_only}
    found, words = disks.judged(disk)
    assert found is level
    assert words.startswith("/var ")


# Certificates.


def certificate(**changed: object) -> dict[str, object]:
    ends = time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime(NOW + 60 * 86_400))
    whole = {"is_there": True, "ends": ends, "is_self_signed": False, "fits_key": True, "lacks": []}
    return whole | {"is_served": True} | changed


def ending(days: float) -> str:
    return time.strftime("%b %d %H:%M:%S %Y GMT", time.gmtime(NOW + days * 86_400))


@pytest.mark.parametrize(
    ("answer", "level", "words"),
    [
        (certificate(), Level.GREEN, "good for 60 days"),
        (certificate(ends=ending(15)), Level.GREEN, "good for 15 days"),
        (certificate(ends=ending(13)), Level.RED, "expires in 13 days"),
        (certificate(ends=ending(-1)), Level.RED, "has expired"),
        (certificate(fits_key=False), Level.RED, "not the certificate's"),
        (certificate(lacks=["a.org"]), Level.RED, "is not for a.org"),
        (certificate(is_served=False), Level.RED, "not the one that HAProxy serves"),
        (certificate(is_self_signed=True), Level.NOTE, "self-signed"),
        ({"is_there": False, "has_program": True}, Level.RED, "is not there"),
        ({"is_there": False, "has_program": False}, Level.NOTE, "HAProxy neither"),
    ],
)
def test_certificates_are_judged(answer: dict[str, object], level: Level, words: str) -> None:
    found, said = certificates.judged(answer, NOW)
    assert (found, words in said) == (level, True), said


def handshake(days: float, *of: str, address: str = "192.0.2.11") -> dict[str, str]:
    about = {"address": address, "name": "a.org", "kind": "ecdsa"}
    return about | {"certificate": made(days, *(of or ("a.org", "b.org")))}


@pytest.mark.parametrize(
    ("found", "level", "words"),
    [
        ([handshake(60)], Level.GREEN, "good for 60 days"),
        ([handshake(15)], Level.GREEN, "good for 15 days"),
        ([handshake(13)], Level.RED, "expires in 13 days"),
        ([handshake(-2)], Level.RED, "has expired"),
        ([handshake(60, "a.org")], Level.RED, "is not for b.org"),
        ([handshake(60), handshake(60, address="2001:db8::11")], Level.RED, "not the same"),
        (
            [handshake(60), {"address": "::1", "name": "a.org", "kind": "rsa", "trouble": "reset"}],
            Level.RED,
            "none for a.org at ::1: reset",
        ),
    ],
)
def test_what_clients_get_is_judged(found: list[dict[str, str]], level: Level, words: str) -> None:
    judged, said = served.judged(found, ("a.org", "b.org"), datetime.now(UTC))
    assert (judged, words in said) == (level, True), said


# Backends.


def line_of(server: str, **changed: Any) -> Report:
    backend = "pings_prompt" if "-" in server else "pages"
    return replace(Report(backend, server, "UP", Admin.READY, "L7OK", 0, 9, 0, 0), **changed)


OUT = {"status": "DRAIN", "admin": Admin.DRAIN}
TOLD = [
    "2026-11-20T10:00:00+00:00 lb1 python3[7]: operator=eve@x why='old' did='app2 drain'",
    "2026-11-21T10:00:00+00:00 lb1 python3[8]: operator=ada@x why='fab lb.drain app2' "
    "did='app2 drain'",
    "2026-11-21T11:00:00+00:00 lb1 python3[9]: operator=bob@x why='other' did='app1 ready'",
]


@pytest.mark.parametrize(
    ("some", "found"),
    [
        (["app1", "app1-0", "app2", "app2-0"], [(Level.GREEN, "all 4 lines")]),
        (
            ["app1", "app1-0", line_of("app2", status="DOWN", check="L4CON"), "app2-0"],
            [(Level.RED, "app2 is down: pages L4CON")],
        ),
        (
            ["app1", "app1-0", line_of("app2", **OUT), line_of("app2-0", **OUT)],
            [(Level.NOTE, "app2 is out (drain): 2026-11-21T10:00:00+00:00 operator=ada@x")],
        ),
        (
            ["app1-0", "app2-0", line_of("app1", **OUT), line_of("app2", status="DOWN")],
            [
                (Level.RED, "pages has no server that is up"),
                (Level.NOTE, "app1 is out (drain): 2026-11-21T11:00:00+00:00 operator=bob@x"),
                (Level.RED, "app2 is down"),
            ],
        ),
    ],
)
def test_backends_are_judged(
    fleet: Fleet, some: list[str | Report], found: list[tuple[Level, str]]
) -> None:
    lines = [line_of(one) if isinstance(one, str) else one for one in some]
    said = backends.judged(lines, fleet.of_role(Role.APP_SERVER), TOLD, has_release=True)
    assert [level for level, _ in said] == [level for level, _ in found]
    for (_, words), (_, expected) in zip(said, found, strict=True):
        assert words.startswith(expected), words


def test_servers_that_wait_for_their_first_release_are_a_note(fleet: Fleet) -> None:
    down = [line_of("app1", status="DOWN")]
    servers = fleet.of_role(Role.APP_SERVER)
    ((level, words),) = backends.judged(down, servers, [], has_release=False)
    assert (level, "fab deploy" in words) == (Level.NOTE, True)
    assert backends.judged(down, servers, [], has_release=True)[0][0] is Level.RED


# Names.


@pytest.mark.parametrize(
    ("addresses", "levels"),
    [
        (None, [Level.RED]),
        ({"192.0.2.12", "2001:db8::12"}, [Level.GREEN, Level.GREEN]),
        ({"192.0.2.12"}, [Level.GREEN, Level.RED]),
        ({"192.0.2.12", "2001:db8::12", "192.0.2.99"}, [Level.RED]),
        ({"192.0.2.12", "2001:db8::12", "192.0.2.11"}, [Level.RED]),  # lb1 is not public
    ],
)
def test_published_addresses_are_judged(
    fleet: Fleet, addresses: set[str] | None, levels: list[Level]
) -> None:
    known = frozenset(addresses) if addresses else None
    assert [level for level, _ in names.judged(fleet, known)] == levels


def test_a_balancer_that_was_taken_out_is_a_note(fleet: Fleet) -> None:
    both = read_fleet_with_two_public(fleet)
    found = list(names.judged(both, frozenset({"192.0.2.12", "2001:db8::12"})))
    assert [level for level, _ in found] == [Level.NOTE, Level.NOTE]
    assert "does not lead to lb1 by IPv4" in found[0][1]


def read_fleet_with_two_public(fleet: Fleet) -> Fleet:
    path = fleet.path.with_name("two.toml")
    first = 'address = "192.0.2.11"'
    text = fleet.path.read_text("utf-8").replace(first, f"public = true\n{first}")
    path.write_text(text, "utf-8")
    return read_fleet(path)


# The database.


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"door": "open", "is_standby": True}, ""),
        ({"door": "silent"}, "does not get through to port 5432 of db2"),
        ({"door": "prohibited"}, "does not get through to port 5432 of db2"),
        ({"door": "refused"}, "nobody listens on port 5432 of db2"),
        ({"door": "open", "lacks": "psql"}, "psql is missing here"),
        ({"door": "open", "said": "password authentication failed"}, "db2 refuses"),
        ({"failed": "Command timed out"}, "could not try"),
    ],
)
def test_what_keeps_the_application_out_is_said(answer: dict[str, object], words: str) -> None:
    said = database.why_no_login("db2", answer)
    assert words in said
    assert bool(words) == bool(said)


# Health.


def test_pages_and_receivers_are_judged_by_what_every_balancer_hears() -> None:
    def judged(*answers: Mapping[str, object], is_out: bool = False) -> tuple[Level, str]:
        heard = {f"lb{number}": answer for number, answer in enumerate(answers, start=1)}
        return health.judged(8080, "/-/pages", heard, is_out=is_out)

    well, busy, away = {"status": 200}, {"status": 503}, {"said": "refused"}
    assert judged(well, well) == (Level.GREEN, "8080 /-/pages is well")
    assert judged(well, busy)[0] is Level.RED
    assert "lb1: refused; lb2: answers 503." in judged(away, busy)[1]
    assert judged(busy, busy, is_out=True)[0] is Level.NOTE
