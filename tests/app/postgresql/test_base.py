"""A kept connection is good for another request, or given up (app/postgresql/base.py)."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import OperationalError
from pytest_django import DjangoDbBlocker
from pytest_django.fixtures import Settings

from app.postgresql.base import DatabaseWrapper
from app.postgresql.options import database
from app.postgresql.servers import Seen, seen_path
from tests.postgresql import Cluster
from tests.relay import Way, running_relay

_WRITES = {"target_session_attrs": "read-write", "connect_timeout": "1"}


@pytest.fixture(autouse=True)
def own_data_dir(settings: Settings, tmp_path: Path, django_db_blocker: DjangoDbBlocker) -> None:
    """Note what this machine has written to in a place of its own."""
    settings.DATA_DIR = tmp_path
    django_db_blocker.unblock()


@contextmanager
def kept(url: str, **options: str) -> Iterator[DatabaseWrapper]:
    """Give a connection that a request has left."""
    made = database(url, 30)
    made["OPTIONS"] |= options
    wrapper = DatabaseWrapper(
        made | {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "TIME_ZONE": None, "TEST": {}}
    )
    wrapper.connect()
    try:
        assert wrapper.is_usable()
        yield wrapper
    finally:
        wrapper.close()


def make_read_only(wrapper: DatabaseWrapper) -> None:
    with wrapper.connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")


def test_one_that_takes_no_changes_any_more_is_given_up(postgresql_cluster: Cluster) -> None:
    with kept(postgresql_cluster.url, **_WRITES) as wrapper:
        make_read_only(wrapper)
        assert not wrapper.is_usable()


def test_where_reading_is_enough_it_is_kept(postgresql_cluster: Cluster) -> None:
    with kept(postgresql_cluster.url) as wrapper:
        make_read_only(wrapper)
        assert wrapper.is_usable()


def test_one_to_an_old_primary_or_another_database_is_given_up(
    postgresql_cluster: Cluster, tmp_path: Path
) -> None:
    with kept(postgresql_cluster.url, **_WRITES) as wrapper:
        assert wrapper.server is not None
        system, timeline = wrapper.server.system, wrapper.server.timeline
        known = {
            Seen(system, timeline): True,
            Seen(system, timeline + 1): False,
            Seen(system + 1, timeline): False,
        }
        for seen, is_usable in known.items():
            seen_path(tmp_path).write_bytes(seen.packed())
            assert wrapper.is_usable() is is_usable


def test_a_server_that_went_away_is_given_up(postgresql_cluster: Cluster) -> None:
    with running_relay(postgresql_cluster.socket) as relay, kept(relay.url) as wrapper:
        relay.breaks(b"SHOW", Way.ANSWER_LOST)
        assert not wrapper.is_usable()


def test_a_server_that_says_nothing_is_given_up_within_the_time_to_connect(
    postgresql_cluster: Cluster, settings: Settings
) -> None:
    settings.DATABASE_ANSWER_SECONDS = 60
    with (
        running_relay(postgresql_cluster.socket) as relay,
        kept(relay.url, **_WRITES) as wrapper,
    ):
        relay.mute()
        began = time.monotonic()
        assert not wrapper.is_usable()
        assert time.monotonic() - began < 40


def test_who_was_led_past_a_silent_host_does_not_wait_for_it_again(
    postgresql_cluster: Cluster,
) -> None:
    directory = str(postgresql_cluster.directory)
    with running_relay(postgresql_cluster.socket) as relay:
        relay.breaks(b"stillhere", Way.MUTED)
        hosts = f"host=127.0.0.1,{directory}&port={relay.port},5432&sslmode=disable"
        with kept(f"postgresql://stillhere@/stillhere?{hosts}", **_WRITES) as wrapper:
            assert relay.broken == 1
            relay.breaks(b"stillhere", Way.MUTED)
            wrapper.close()
            wrapper.connect()
            assert wrapper.server is not None
            assert (wrapper.server.host, relay.broken) == (f"{directory}:5432", 1)


@pytest.mark.parametrize("how", ["silent", "read only", "broken"])
def test_whom_a_host_has_failed_asks_the_others_first(
    postgresql_cluster: Cluster, how: str
) -> None:
    directory = str(postgresql_cluster.directory)
    with running_relay(postgresql_cluster.socket) as relay:
        hosts = f"host=127.0.0.1,{directory}&port={relay.port},5432&sslmode=disable"
        with kept(f"postgresql://stillhere@/stillhere?{hosts}", **_WRITES) as wrapper:
            assert wrapper.server is not None
            assert wrapper.server.host == f"127.0.0.1:{relay.port}"
            if how == "silent":
                relay.mute()
            elif how == "read only":
                make_read_only(wrapper)
            else:
                relay.breaks(b"SELECT", Way.ANSWER_LOST)
                with pytest.raises(OperationalError), wrapper.cursor() as cursor:
                    cursor.execute("SELECT 1")
            assert how == "broken" or not wrapper.is_usable()
            relay.breaks(b"stillhere", Way.MUTED)  # who asks it first has to wait
            lost = relay.broken
            wrapper.close()
            wrapper.connect()
            assert (wrapper.server.host, relay.broken) == (f"{directory}:5432", lost)
            # The new one is first from now on, and nobody has failed.
            wrapper.close()
            wrapper.connect()
            assert (wrapper.server.host, relay.broken) == (f"{directory}:5432", lost)
