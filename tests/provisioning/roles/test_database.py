"""When a cluster is made, and how a database host is described."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from provisioning.errors import Contradiction
from provisioning.fleet import Cluster, Fleet, Machine
from provisioning.resources import Command, Unit
from tests.provisioning.described import CLUSTERS, described_fleet, files, machine, resources

MAIN = CLUSTERS["13"]
BARE, MADE = machine(), machine("13", MAIN)
STANDBY = machine("13", replace(MAIN, is_standby=True))
BY_HAND = machine("13", replace(MAIN, is_ours=False))
AWAY = machine("13", replace(MAIN, has_data=False))


@pytest.fixture
def fleet() -> Fleet:
    return described_fleet()


def makes_cluster(fleet: Fleet, name: str, known: Mapping[str, Machine]) -> bool:
    return "command postgresql-cluster" in {each.key for each in resources(fleet, name, known)}


@pytest.mark.parametrize(
    ("db1", "db2", "expected"),
    [
        (BARE, BARE, {"db1"}),
        (MADE, BARE, set()),
        (BARE, MADE, set()),  # db1 was installed anew: it will be a standby
        (MADE, STANDBY, set()),
        (BARE, None, set()),  # who cannot be read may have one
        (None, BARE, set()),  # nor does the second one become the first
    ],
)
def test_a_cluster_is_made_once_where_it_is_certain_that_there_is_none(
    fleet: Fleet, db1: Machine | None, db2: Machine | None, expected: set[str]
) -> None:
    known = {name: one for name, one in (("db1", db1), ("db2", db2)) if one}
    assert {name for name in known if makes_cluster(fleet, name, known)} == expected


@pytest.mark.parametrize(
    ("db1", "db2", "expected"),
    [
        (MADE, BARE, set()),
        (MADE, STANDBY, set()),
        (STANDBY, MADE, set()),  # after a failover
        (MADE, MADE, {"db1", "db2"}),
        (MADE, BY_HAND, {"db1", "db2"}),
        (MADE, None, set()),  # the primary goes on while its standby is away
        (None, MADE, set()),
        (None, BY_HAND, {"db2"}),
        (AWAY, STANDBY, set()),
        (AWAY, MADE, {"db1"}),  # it was a standby or is the primary: who knows
        (AWAY, BY_HAND, {"db1", "db2"}),
        (STANDBY, STANDBY, set()),
    ],
)
def test_a_second_primary_is_refused(
    fleet: Fleet, db1: Machine | None, db2: Machine | None, expected: set[str]
) -> None:
    known = {name: one for name, one in (("db1", db1), ("db2", db2)) if one}
    for name, other in {"db1": "db2", "db2": "db1"}.items():
        if name in expected:
            with pytest.raises(Contradiction, match=rf"^{name}: its cluster.* {other} "):
                resources(fleet, name, known)
        elif name in known:
            assert resources(fleet, name, known)


def test_a_host_without_a_cluster_has_the_program_and_no_more(fleet: Fleet) -> None:
    described = resources(fleet, "db2", {"db1": MADE, "db2": BARE})
    assert "package postgresql" in {each.key for each in described}
    assert not [each for each in described if isinstance(each, Unit) and "postgres" in each.name]
    assert not [path for path in files(described) if path.startswith("/etc/postgresql/")]


@pytest.mark.parametrize(("debian", "cluster"), CLUSTERS.items())
def test_the_cluster_that_is_there_is_configured(
    fleet: Fleet, debian: str, cluster: Cluster
) -> None:
    described = resources(fleet, "db1", {"db1": machine(debian, cluster)})
    assert f"/etc/postgresql/{cluster}/pg_hba.conf" in files(described)


def test_after_an_upgrade_of_debian_the_cluster_stays_the_one_that_is_there(fleet: Fleet) -> None:
    described = resources(fleet, "db1", {"db1": machine("13", CLUSTERS["12"])})
    assert "/etc/postgresql/15/main/pg_hba.conf" in files(described)


def test_a_password_is_neither_in_a_command_nor_with_the_server(fleet: Fleet) -> None:
    """It has the verifier, in a secret file."""
    described = resources(fleet, "db1", {"db1": MADE})
    secret = "the-database-password-app"
    assert secret not in "".join(file.content or "" for file in files(described).values())
    assert "SCRAM" not in repr([each for each in described if isinstance(each, Command)])
    verifiers = files(described)["/etc/stillhere/roles.psql"]
    assert verifiers.secret
    assert "SCRAM-SHA-256$4096:" in (verifiers.content or "")
