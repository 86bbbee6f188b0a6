"""The one catalogue of ports and flows."""

from pathlib import Path

import pytest

from ops.inventory import read_fleet
from provisioning.fleet import Fleet
from provisioning.flows import FLOWS, SERVICES, is_open, openings
from tests.ops.inventories import inventory


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    return read_fleet(path)


@pytest.mark.parametrize(
    ("source", "target", "port", "expected"),
    [
        ("app1", "db1", 5432, True),
        ("db1", "db2", 5432, True),
        ("lb1", "db1", 5432, False),
        ("obs1", "db1", 5432, False),
        ("lb1", "app1", 8100, True),
        ("lb2", "app3", 8080, True),
        ("app1", "app2", 8080, False),
        (None, "lb1", 443, True),
        (None, "app1", 8080, False),
        (None, "db1", 22, True),
        ("obs1", "lb1", 9100, True),
        ("app1", "lb1", 9100, False),
        ("app1", "db1", 4322, False),
    ],
)
def test_who_reaches_what(
    fleet: Fleet, source: str | None, target: str, port: int, expected: bool
) -> None:
    host = fleet.host(source) if source else None
    assert is_open(fleet, host, fleet.host(target), port) is expected


def test_every_service_has_somebody_who_may_come() -> None:
    assert {flow.service for flow in FLOWS} == set(SERVICES)


def test_no_two_services_of_a_role_share_a_port() -> None:
    taken = [(role, service.port) for service in SERVICES for role in service.roles]
    assert len(taken) == len(set(taken))


def test_a_host_has_only_its_own_services_open(fleet: Fleet) -> None:
    names = {opening.service.name for opening in openings(fleet, fleet.host("db1"))}
    assert names == {"ssh", "node-metrics", "postgresql"}
