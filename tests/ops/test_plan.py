"""A plan as a value: its digest and its brakes."""

from pathlib import Path

import pytest

from ops.changes import Change, Verb
from ops.inventory import read_fleet
from ops.plan import Brake, HostPlan, Plan
from provisioning.fleet import Fleet
from tests.ops.inventories import inventory

EDIT = Change("file /etc/motd", Verb.UPDATE, request={"content": "a"})
GONE = Change("file /etc/motd", Verb.REMOVE)
RESTART = Change("unit postgresql@17-main.service", Verb.RESTART)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    return read_fleet(path)


def plan_of(fleet: Fleet, change: Change, *names: str, is_new: bool = False) -> Plan:
    return Plan(
        fleet,
        tuple(
            HostPlan(host, (change,) if host.name in names else (), is_new=is_new)
            for host in fleet.hosts
        ),
    )


@pytest.mark.parametrize(
    ("change", "names", "held"),
    [
        (EDIT, ("app1",), set()),
        (EDIT, ("lb1",), set()),
        (EDIT, ("lb1", "lb2"), {Brake.LOAD_BALANCERS, Brake.MANY}),
        (EDIT, ("app1", "app2"), {Brake.MANY}),
        (EDIT, ("app1", "lb1", "db1", "obs1"), set()),
        (GONE, ("app1",), {Brake.REMOVALS}),
        (RESTART, ("db1",), {Brake.DATABASE_RESTART}),
    ],
)
def test_what_is_too_much_for_one_go_is_held(
    fleet: Fleet, change: Change, names: tuple[str, ...], held: set[Brake]
) -> None:
    assert set(plan_of(fleet, change, *names).brakes()) == held


def test_a_host_that_was_never_applied_has_no_brakes(fleet: Fleet) -> None:
    assert plan_of(fleet, EDIT, "lb1", "lb2", "app1", "app2", is_new=True).brakes() == {}


def test_a_lab_has_no_brakes(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(inventory(lab=True), "utf-8")
    assert plan_of(read_fleet(path), GONE, "lb1", "lb2").brakes() == {}


def test_the_digest_tells_plans_apart(fleet: Fleet) -> None:
    same = plan_of(fleet, EDIT, "app1").digest()
    assert plan_of(fleet, EDIT, "app1").digest() == same
    other = Change("file /etc/motd", Verb.UPDATE, request={"content": "b"})
    assert plan_of(fleet, other, "app1").digest() != same
    assert plan_of(fleet, EDIT, "app2").digest() != same
