"""The product's units before the first release: installed, enabled, waiting."""

from collections.abc import Iterator

import pytest

from provisioning.fleet import Fleet
from tests.ops.operator import EMPTY, PENDING, fab, shown_plan
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab
UNITS = (
    "stillhere-pages.socket",
    "stillhere-pages.service",
    "stillhere-receiver@0.service",
    "stillhere-receiver@1.service",
    "stillhere-drain.service",
    "stillhere-notifier.service",
)
MARK = "/srv/stillhere/current/release.json"


@pytest.fixture
def release_that_only_is_there(applied: Fleet, rehearsal: Rehearsal) -> Iterator[None]:
    rehearsal.run("app2", ["sh", "-c", f"mkdir /srv/stillhere/current && touch {MARK}"])
    try:
        yield
    finally:
        rehearsal.run("app2", ["sh", "-c", "rm -r /srv/stillhere/current"])


def test_they_are_enabled_and_start_nothing(applied: Fleet, rehearsal: Rehearsal) -> None:
    rehearsal.run("app2", ["systemctl", "start", *UNITS])
    enabled = rehearsal.run("app2", ["systemctl", "is-enabled", *UNITS])
    assert enabled.split() == ["enabled"] * len(UNITS)
    shown = rehearsal.run("app2", ["systemctl", "show", "-P", "ActiveState", *UNITS])
    assert shown.split() == ["inactive"] * len(UNITS)
    assert shown_plan(applied).returncode == EMPTY


def test_one_that_is_not_enabled_is(applied: Fleet, rehearsal: Rehearsal) -> None:
    rehearsal.run("app2", ["systemctl", "disable", "stillhere-drain"])
    assert "app2  ~ enable   unit stillhere-drain.service" in shown_plan(applied).stdout
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert shown_plan(applied).returncode == EMPTY


def test_with_a_release_one_that_does_not_run_is_drift(
    applied: Fleet, rehearsal: Rehearsal, release_that_only_is_there: None
) -> None:
    shown = shown_plan(applied)
    assert shown.returncode == PENDING
    for unit in UNITS:
        assert f"app2  ~ start    unit {unit}" in shown.stdout
    assert "app1" not in shown.stdout


def test_a_setting_that_changes_meanwhile_is_loaded_and_restarts_nothing_later(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    unit = "/etc/systemd/system/stillhere-drain.service"
    rehearsal.run("app2", ["sh", "-c", f"echo '# by hand' >> {unit}"])
    assert "app2  ~ load     unit stillhere-drain.service" in shown_plan(applied).stdout
    assert fab("apply", "--fleet", str(applied.path)).returncode == 0
    assert shown_plan(applied).returncode == EMPTY
    needs = ["systemctl", "show", "-P", "NeedDaemonReload", "stillhere-drain.service"]
    assert rehearsal.run("app2", needs).strip() == "no"


def test_the_balancers_are_told_that_there_are_no_pages_yet(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "http://127.0.0.1:8080/-/pages"]
    assert rehearsal.run("app2", ask) == "502"
    rehearsal.run("app2", ["touch", "/etc/stillhere/maintenance"])
    try:
        assert rehearsal.run("app2", ask) == "503"
    finally:
        rehearsal.run("app2", ["rm", "/etc/stillhere/maintenance"])


def test_of_an_address_that_fails_the_journal_keeps_the_first_segment_alone(
    applied: Fleet, rehearsal: Rehearsal
) -> None:
    """It may be a sign-in link; also the page that one comes from."""
    ask = "curl -s -o /dev/null -w '%{http_code}' -H 'Referer: https://stillhere.test/a/ABCDE/'"
    status = rehearsal.run(
        "app2", ["sh", "-c", f"{ask} 127.0.0.1:8080/sign-in/link/ABCDE/?k=ABCDE"]
    )
    assert status == "502"
    told = "journalctl --no-pager --sync; journalctl --no-pager -o verbose -t nginx --since -2min"
    said = rehearsal.run("app2", ["sh", "-c", told])
    assert "status=502" in said
    assert "room=/sign-in" in said
    assert "ABCDE" not in said
