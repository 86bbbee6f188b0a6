"""Which hosts may be updated or booted anew, and what is said of the dead, without any host."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.deploy.balancers import Seen
from ops.deploy.desk import left_out
from ops.deploy.forgetting import Known, lines, per_second
from ops.deploy.journals import Receiver
from ops.deploy.retiring import lines_to_remove
from ops.deploy.updating import Software
from ops.deploy.upkeep import chosen
from ops.errors import Refused
from ops.inventory import read_fleet
from provisioning.fleet import Fleet
from tests.ops.deploy.test_plan import FLEET as PLAN_FLEET
from tests.ops.deploy.test_plan import report
from tests.ops.inventories import inventory
from tests.ops.operator import fab

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    return read_fleet(path)


def test_names_and_roles_are_taken_in_their_order_and_each_once(fleet: Fleet) -> None:
    assert [one.name for one in chosen(fleet, "app2, obs1")] == ["app2", "obs1"]
    assert [one.name for one in chosen(fleet, "app3,app_server")] == ["app3", "app1", "app2"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("app1,lb1", "lb1 is a load balancer: its clients have to be led away by DNS first"),
        ("load_balancer", "lb1 is a load balancer: .*; lb2 is a load balancer"),
        ("app9", "app9: no host and no role; there are lb1, .*observer"),
        (" , ", "Which hosts"),
    ],
)
def test_hosts_that_need_more_than_a_drain_are_refused(fleet: Fleet, words: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        chosen(fleet, words)


def test_who_is_left_out_has_to_be_there(fleet: Fleet) -> None:
    assert left_out(fleet, " lb2, app1 ,") == {"lb2", "app1"}
    assert left_out(fleet, "") == frozenset()
    with pytest.raises(Refused, match="--without lb7: the fleet has no such host"):
        left_out(fleet, "lb2,lb7")


@pytest.mark.parametrize(
    ("verb", "said"),
    [
        ("hosts.update", "Nothing was begun: lb1 is a load balancer"),
        ("hosts.reboot", "Nothing was begun: lb1 is a load balancer"),
        ("app.retire", "'lb1' is no application server; there are app1, app2, app3."),
        ("app.forget", "'lb1' is no application server; there are app1, app2, app3."),
        ("db.rejoin", "'lb1' is no database host; there are db1, db2."),
        ("db.fence", "'lb1' is no database host; there are db1, db2."),
        ("db.unfence", "'lb1' is no database host; there are db1, db2."),
    ],
)
def test_a_refusal_is_a_line_and_no_host_is_asked(fleet: Fleet, verb: str, said: str) -> None:
    refused = fab(verb, "lb1", "--fleet", str(fleet.path))
    assert refused.returncode == 1
    assert said in refused.stderr


def test_an_update_names_packages_services_and_the_reason_for_a_boot() -> None:
    host = PLAN_FLEET.host("app1")
    busy = Software(host, ("openssl 3.5.1 -> 3.5.2",), ("nginx.service",), "Debian asks for it")
    assert busy.has_work
    assert busy.lines() == [
        "  app1  upgrade openssl 3.5.1 -> 3.5.2",
        "  app1  restart nginx.service, which runs from replaced files",
        "  app1  reboot needed: Debian asks for it",
    ]
    assert not Software(host, (), (), "").has_work
    assert Software(host, (), (), "").lines() == ["  app1  nothing to upgrade"]


def test_the_lines_of_a_host_are_those_up_to_the_next_table(fleet: Fleet) -> None:
    shown = lines_to_remove(fleet, fleet.host("app3"))
    assert shown[0] == "app3 may leave berlin.toml. Remove these lines, then fab apply:"
    assert shown[1] == "    [hosts.app3]"
    assert len(shown) == 7
    last = lines_to_remove(fleet, fleet.host("obs1"))
    assert last[1] == "    [hosts.obs1]"
    assert len(last) == 7


def known(**changed: Any) -> Known:
    told = Receiver(0, NOW - timedelta(seconds=90), is_retired=False)
    values: dict[str, Any] = {
        "receivers": (told,),
        "down_since": NOW - timedelta(seconds=80),
        "per_second": 2.0,
        "through": PLAN_FLEET.host("app2"),
        "release": "a" * 12,
    }
    return Known(**(values | changed))


def test_a_dead_server_is_told_by_what_it_last_said_and_when_it_fell_silent() -> None:
    shown = "\n".join(lines("app1", known(), NOW))
    assert "last reported 0:01:30 ago: what it took before 2026-03-01 11:58:30 UTC" in shown
    assert "is on its disk, and nowhere else" in shown
    assert "2.0 pings a second each: in those 10 s between, about 20." in shown
    assert not known().is_forgotten


def test_one_that_was_never_heard_of_holds_nothing() -> None:
    nobody = known(receivers=())
    assert nobody.is_forgotten
    assert lines("app1", nobody, NOW) == [
        "The database knows no receiver of app1: no alert waits for it."
    ]


def test_what_the_others_take_is_counted_at_their_receivers() -> None:
    def seen(requests: int) -> Seen:
        servers = ("app1-0", "app2-0", "app2-1", "app3-0")
        some = [report(name, backend="pings_prompt", requests=requests) for name in servers]
        return {"lb1": (*some, report("app2", requests=requests * 9))}

    assert per_second(seen(100), seen(160), PLAN_FLEET.host("app1"), 3.0) == 30.0  # 180 of two
    assert per_second(seen(100), seen(100), PLAN_FLEET.host("app1"), 3.0) == 0.0
