"""Who comes into the database: from where, as whom, and how."""

from typing import Any

import pytest

from ops.secrets import read_vault, vault_of
from provisioning.fleet import Fleet
from tests.ops.rehearsal import Rehearsal
from tests.ops.servers.logins import logins

pytestmark = pytest.mark.lab


@pytest.fixture
def application(applied: Fleet) -> dict[str, Any]:
    """Return how an application logs in at the first database host."""
    password = read_vault(vault_of(applied.path))["database_password_app"].reveal()
    return {
        "host": applied.host("db1").address,
        "dbname": "stillhere",
        "user": "stillhere",
        "password": password,
        "sslmode": "require",
    }


@pytest.fixture
def replication(applied: Fleet, application: dict[str, Any]) -> dict[str, Any]:
    password = read_vault(vault_of(applied.path))["database_password_replication"].reveal()
    own = {"user": "replication", "password": password, "dbname": "replication"}
    return application | own | {"replicates": True}


@pytest.mark.long
def test_it_logs_in_by_an_address_that_came_after_postgresql(
    applied: Fleet, rehearsal: Rehearsal, application: dict[str, Any]
) -> None:
    address = applied.host("db1").address6
    shown = rehearsal.run("db1", ["ip", "-6", "-o", "addr", "show", "to", address]).split()
    device, network = shown[1], shown[3]
    address_is = ["ip", "-6", "addr"]
    rehearsal.run("db1", [*address_is, "del", network, "dev", device])
    try:
        rehearsal.run("db1", ["systemctl", "restart", "postgresql@17-main"])
    finally:
        rehearsal.run("db1", [*address_is, "add", network, "dev", device, "nodad"])
    assert logins(rehearsal, "app1", [application, application | {"host": address}]) == ["in", "in"]


@pytest.mark.parametrize("host", ["app1", "app2", "app3"])
def test_an_application_logs_in_from_its_servers_by_both_addresses(
    applied: Fleet, rehearsal: Rehearsal, application: dict[str, Any], host: str
) -> None:
    by_ipv6 = application | {"host": applied.host("db1").address6}
    assert logins(rehearsal, host, [application, by_ipv6]) == ["in", "in"]


def test_it_logs_in_with_its_password_encrypted_and_only_into_its_database(
    rehearsal: Rehearsal, application: dict[str, Any], replication: dict[str, Any]
) -> None:
    wrong, plain, elsewhere, superuser, other = logins(
        rehearsal,
        "app1",
        [
            application | {"password": "x"},
            application | {"sslmode": "disable"},
            application | {"dbname": "postgres"},
            application | {"user": "postgres"},
            replication,
        ],
    )
    assert "password authentication failed" in wrong
    for refused in (plain, elsewhere, superuser, other):
        assert "no pg_hba.conf entry" in refused


@pytest.mark.parametrize("host", ["lb1", "obs1", "world", "client"])
def test_nobody_else_gets_as_far_as_the_database(
    rehearsal: Rehearsal, application: dict[str, Any], replication: dict[str, Any], host: str
) -> None:
    for said in logins(rehearsal, host, [application, replication]):
        assert "timeout expired" in said


def test_another_database_host_may_replicate_and_no_more(
    rehearsal: Rehearsal, application: dict[str, Any], replication: dict[str, Any]
) -> None:
    replicates, reads = logins(rehearsal, "db2", [replication, application])
    assert replicates == "in"
    assert "no pg_hba.conf entry" in reads
