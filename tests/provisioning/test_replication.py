"""How database hosts find each other: names, addresses and passwords as PostgreSQL reads them."""

import json
from dataclasses import replace

import psycopg2.extensions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.fleet import Fleet, Role
from provisioning.replication import PASSWORDS, PEERS, conninfo, guard, slot_name
from tests.provisioning.described import PLAIN, described_fleet, files

HOST_NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)


@pytest.fixture
def fleet() -> Fleet:
    return described_fleet()


@given(one=HOST_NAMES, other=HOST_NAMES)
def test_every_host_name_becomes_a_slot_name_of_its_own(one: str, other: str) -> None:
    assert slot_name(one).replace("_", "").isalnum()
    assert slot_name(one).islower()
    assert (slot_name(one) == slot_name(other)) == (one == other)


def test_a_standby_follows_whichever_of_the_others_takes_writes(fleet: Fleet) -> None:
    third = replace(fleet.host("db2"), name="db-3", address="192.0.2.99")
    three = replace(fleet, hosts=(*fleet.hosts, third))
    words = psycopg2.extensions.parse_dsn(conninfo(three, three.host("db1")))
    assert words["host"] == "192.0.2.17,192.0.2.99"
    assert words["port"] == "5432,5432"
    assert words["target_session_attrs"] == "read-write"
    assert words["application_name"] == "db1"


def test_a_database_host_alone_follows_nobody(fleet: Fleet) -> None:
    alone = replace(fleet, hosts=tuple(one for one in fleet.hosts if one.name != "db2"))
    assert [one.name for one in alone.of_role(Role.DATABASE)] == ["db1"]
    assert conninfo(alone, alone.host("db1")) == ""


def test_the_guard_is_told_of_every_other_host_by_both_addresses(fleet: Fleet) -> None:
    told = files(guard(fleet, fleet.host("db1"), PLAIN))
    assert json.loads(told[PEERS].content or "") == {
        "peers": [{"name": "db2", "address": "192.0.2.17", "address6": "2001:db8::17"}],
        "port": 5432,
    }


def test_the_password_is_in_a_file_that_postgresql_alone_reads(fleet: Fleet) -> None:
    secrets = PLAIN | {"database_password_replication": r"a:b\c"}
    told = files(guard(fleet, fleet.host("db1"), secrets))
    file = told[PASSWORDS]
    assert (file.secret, file.mode, file.owner) == (True, 0o600, "postgres")
    assert (file.content or "").splitlines() == [
        r"192.0.2.17:5432:*:replication:a\:b\\c",
        r"2001\:db8\:\:17:5432:*:replication:a\:b\\c",
    ]
    assert not [path for path, other in told.items() if path != PASSWORDS and "a:b" in str(other)]
