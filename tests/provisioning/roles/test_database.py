"""When a cluster is made, and how a database host is described."""

import re
from collections.abc import Mapping
from dataclasses import replace

import pytest

from provisioning.errors import Contradiction
from provisioning.fleet import Cluster, Fleet, Machine
from provisioning.replication import GUARD_DROP_IN
from provisioning.resources import Command, Unit
from tests.provisioning.described import CLUSTERS, described_fleet, files, machine, resources

MAIN = CLUSTERS["13"]
BARE, MADE = machine(), machine("13", MAIN)
STANDBY = machine("13", replace(MAIN, is_standby=True))
BY_HAND = machine("13", replace(MAIN, is_ours=False))
AWAY = machine("13", replace(MAIN, has_data=False))
FENCED = machine("13", replace(MAIN, role="fenced"))


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
        (FENCED, MADE, set()),  # in the midst of a failover
        (MADE, FENCED, set()),
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


@pytest.mark.parametrize(
    ("db1", "db2", "expected"),
    [
        (BARE, BARE, {"db2"}),  # of the one that is made in the same apply
        (MADE, BARE, {"db2"}),
        (BARE, MADE, {"db1"}),
        (MADE, STANDBY, set()),
        (MADE, None, set()),
        (None, BARE, set()),  # whose standby would it be?
        (BARE, STANDBY, set()),
        (BARE, FENCED, set()),
    ],
)
def test_a_host_without_a_cluster_gets_a_standby_where_there_is_a_primary(
    fleet: Fleet, db1: Machine | None, db2: Machine | None, expected: set[str]
) -> None:
    known = {name: one for name, one in (("db1", db1), ("db2", db2)) if one}
    found = {name: {each.key for each in resources(fleet, name, known)} for name in known}
    assert {name for name, keys in found.items() if "command postgresql-standby" in keys} == (
        expected
    )


@pytest.mark.parametrize(
    ("db1", "db2", "is_marked", "may_be_alone"),
    [
        (BARE, BARE, True, True),
        (MADE, BARE, True, True),
        (MADE, STANDBY, True, True),
        (MADE, None, True, False),  # who cannot be read may have been promoted
        (MADE, FENCED, True, False),
        (STANDBY, MADE, False, False),
        (FENCED, MADE, False, False),
    ],
)
def test_only_a_primary_is_marked_and_it_starts_alone_when_no_other_can_be_one(
    fleet: Fleet, db1: Machine, db2: Machine | None, is_marked: bool, may_be_alone: bool
) -> None:
    known = {"db1": db1} | ({"db2": db2} if db2 else {})
    keys = {each.key for each in resources(fleet, "db1", known)}
    assert ("command postgresql-role-marker" in keys) == is_marked
    assert ("command postgresql-may-start-alone" in keys) == may_be_alone


def unit_of(fleet: Fleet, name: str, known: Mapping[str, Machine]) -> Unit:
    (unit,) = (
        each
        for each in resources(fleet, name, known)
        if isinstance(each, Unit) and each.name.startswith("postgresql@")
    )
    return unit


def test_a_fenced_cluster_is_configured_and_neither_started_nor_stopped(fleet: Fleet) -> None:
    known = {"db1": FENCED, "db2": MADE}
    assert unit_of(fleet, "db1", known).running is None
    assert unit_of(fleet, "db2", known).running is True
    keys = {each.key for each in resources(fleet, "db1", known)}
    assert not {"command postgresql-roles", "command postgresql-streams"} & keys


def test_the_coming_of_the_guard_restarts_no_database(fleet: Fleet) -> None:
    """Nor does anything else that a fleet with one database alone did not have."""
    unit = unit_of(fleet, "db1", {"db1": MADE, "db2": BARE})
    assert GUARD_DROP_IN in unit.rereads
    assert [path.rpartition("/")[2] for path in unit.reads] == [
        "stillhere.conf",
        "stillhere-start.conf",
    ]


def test_a_host_without_a_cluster_has_the_program_and_no_more(fleet: Fleet) -> None:
    described = resources(fleet, "db2", {"db2": BARE})
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


def test_a_third_host_is_added_as_one_more_standby(fleet: Fleet) -> None:
    """Everybody has a slot for each other, and whoever restarts asks both."""
    third = replace(fleet.host("db2"), name="db-3", address="192.0.2.99", address6="2001:db8::99")
    three = replace(fleet, hosts=(*fleet.hosts, third))
    known = {"db1": MADE, "db2": STANDBY, "db-3": BARE}
    assert {name for name in known if becomes_standby(three, name, known)} == {"db-3"}
    assert not makes_cluster(three, "db-3", known)
    for name, expected in (("db1", ["db2", "db_3"]), ("db2", ["db1", "db_3"])):
        described = resources(three, name, known)
        (roles,) = (each for each in described if each.key == "command postgresql-roles")
        assert isinstance(roles, Command)
        slots = re.findall(r"pg_create_physical_replication_slot\('(\w+)'\)", " ".join(roles.run))
        assert slots == expected
    # The primary runs on: it only rereads its settings.
    unit = unit_of(three, "db1", known)
    before, after = (
        files(resources(one, "db1", known)) for one in (replace(three, hosts=fleet.hosts), three)
    )
    assert [path for path in unit.reads if before[path] != after[path]] == []


def becomes_standby(fleet: Fleet, name: str, known: Mapping[str, Machine]) -> bool:
    return "command postgresql-standby" in {each.key for each in resources(fleet, name, known)}
