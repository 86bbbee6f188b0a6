"""Connecting where several hosts are named: to dead, silent, old and foreign servers."""

import time
from contextlib import closing
from pathlib import Path

import psycopg2
import pytest
from pytest_django import DjangoDbBlocker

from app.postgresql import base, hosts
from app.postgresql.options import database
from app.postgresql.servers import AnotherDatabase, NoServer, Seen
from tests.clusters import running_node, running_pair
from tests.postgresql import Cluster
from tests.relay import Way, running_relay


def params(*where: str, **options: str) -> dict[str, str]:
    """Return parameters as Django gives them; `where` are hosts or socket directories."""
    wanted = {"user": "stillhere", "dbname": "stillhere", "connect_timeout": "1"}
    wanted |= {"target_session_attrs": "read-write", "host": ",".join(where)}
    return wanted | options


def test_each_host_has_its_port_or_all_have_one() -> None:
    two = hosts.single_hosts(params("a", "b", port="1,2"))
    assert [(one["host"], one["port"]) for one in two] == [("a", "1"), ("b", "2")]
    assert [one["port"] for one in hosts.single_hosts(params("a", "b", port="1"))] == ["1", "1"]
    assert "host" not in hosts.single_hosts(params())[0]
    assert all("target_session_attrs" not in one for one in two)


@pytest.mark.parametrize("ask_all", [True, False])
def test_a_dead_and_a_silent_host_are_passed_over(
    postgresql_cluster: Cluster, tmp_path: Path, ask_all: bool
) -> None:
    with running_relay(postgresql_cluster.socket) as relay:
        relay.breaks(b"stillhere", Way.MUTED)
        alive = str(postgresql_cluster.directory)
        where = params(str(tmp_path), "127.0.0.1", alive, port=f"5432,{relay.port},5432")
        began = time.monotonic()
        raw, server = hosts.connect(where, None, ask_all=ask_all)
        assert time.monotonic() - began < 30
        assert server.host == f"{alive}:5432"
        assert relay.broken == 1
        raw.close()


def test_no_host_at_all_is_trouble_of_the_database(tmp_path: Path) -> None:
    with pytest.raises(psycopg2.OperationalError):
        hosts.connect(params(str(tmp_path), str(tmp_path)), None, ask_all=True)


def test_a_connection_is_taken_as_django_needs_it(
    postgresql_cluster: Cluster, django_db_blocker: DjangoDbBlocker
) -> None:
    settings = database(postgresql_cluster.url, 30) | {
        "ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "TIME_ZONE": None, "TEST": {},
    }  # fmt: skip
    wrapper = base.DatabaseWrapper(settings)
    wrapper.is_worker = True
    with django_db_blocker.unblock(), wrapper.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("local",)
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("30s",)
        assert wrapper.get_autocommit()
        wrapper.close()
    assert wrapper.server is not None
    assert (wrapper.server.timeline, wrapper.server.is_writable) == (1, True)


@pytest.mark.long
def test_after_a_failover_the_old_primary_is_never_taken_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running_pair() as pair, running_node() as other:
        old, new = (str(node.directory) for node in (pair.primary, pair.standby))
        both = params(old, new)
        raw, before = hosts.connect(both, None, ask_all=True)
        assert (before.host, before.timeline) == (f"{old}:5432", 1)
        raw.close()
        pair.promote()  # and the old one goes on
        raw, after = hosts.connect(both, Seen(before.system, 1), ask_all=True)
        assert (after.host, after.timeline) == (f"{new}:5432", 2)
        raw.close()
        # Whoever asks only until one will do knows it from what was seen.
        raw, after = hosts.connect(both, Seen(before.system, 2), ask_all=False)
        assert after.host == f"{new}:5432"
        raw.close()
        with pytest.raises(NoServer, match="timeline 1 of"):
            hosts.connect(params(old), Seen(before.system, 2), ask_all=True)
        foreign = params(str(other.directory))
        with pytest.raises(AnotherDatabase):
            hosts.connect(foreign, Seen(before.system, 2), ask_all=False)
        assert {one.timeline for one in hosts.survey(both)} == {1, 2}


def test_a_server_ends_the_transaction_of_a_client_that_is_gone(
    postgresql_cluster: Cluster,
) -> None:
    """Its locks would hold up the drain until the server noticed by itself: after hours."""
    made = database(postgresql_cluster.url, answer_seconds=1)["OPTIONS"]["options"]
    with (
        closing(psycopg2.connect(postgresql_cluster.url, options=made)) as silent,
        silent.cursor() as cursor,
    ):
        cursor.execute("SELECT pg_advisory_lock(7)")
        time.sleep(2)
        with pytest.raises(psycopg2.Error):
            cursor.execute("SELECT 1")
