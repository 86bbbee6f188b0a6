"""By which way an old database host may follow: the rule alone, and of real servers' files."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.agent import clusters
from ops.databases.node import Node, node_of
from ops.databases.way_back import CRASHED_STANDBY, SHUT_DOWN, STOPPED_STANDBY, Way, way_back
from tests.clusters import Node as Server
from tests.clusters import Pair, running_pair
from tests.ops.databases.nodes import LSN, control, node, primary, server, standby
from tests.ops.databases.test_node import ANSWER
from tests.postgresql import PORT, owner, program

FORK = 0x2_0000_0000
LEADER = replace(primary("db2", "db1"), forks={1: 0x1000, 2: FORK})  # on timeline 3


def old(state: str, timeline: int = 2, **changed: object) -> Node:
    return node(control=control(state=state, timeline=timeline, **changed), server=None)


def following(timeline: int, replayed: int) -> Node:
    return standby("db1", server=server(is_standby=True, timeline=timeline, replay_lsn=replayed))


@pytest.mark.parametrize(
    ("one", "way"),
    [
        (old(STOPPED_STANDBY, 3, min_recovery_end_lsn=LSN), Way.START),
        (old(CRASHED_STANDBY, 3, min_recovery_end_lsn=LSN), Way.START),
        (old(STOPPED_STANDBY, min_recovery_end_lsn=FORK), Way.START),
        (old(STOPPED_STANDBY, min_recovery_end_lsn=FORK + 1), Way.REWIND),
        (old(CRASHED_STANDBY, min_recovery_end_lsn=FORK + 1), Way.CLONE),
        (old(SHUT_DOWN, checkpoint_lsn=FORK - 120), Way.FOLLOW),
        (old(SHUT_DOWN, checkpoint_lsn=FORK), Way.REWIND),
        (old("in production", checkpoint_lsn=FORK - 120), Way.REWIND),
        (old("in crash recovery", checkpoint_lsn=FORK - 120), Way.REWIND),
        (old("shutting down", checkpoint_lsn=FORK - 120), Way.REWIND),
        (old(SHUT_DOWN, 3, checkpoint_lsn=FORK + 1), Way.CLONE),
        (old("in production", 3, checkpoint_lsn=FORK + 1), Way.CLONE),
        (old(SHUT_DOWN, 9), Way.REFUSED),
        (old("in production", min_recovery_end_timeline=3), Way.CLONE),  # promoted, and crashed
        (old(SHUT_DOWN, system_identifier="1", checkpoint_lsn=0), Way.CLONE),
        (node(control=None, server=None), Way.CLONE),
        (replace(old(SHUT_DOWN, checkpoint_lsn=1), rewinding="by anna"), Way.CLONE),
        (replace(old("in production", 3), backup_label=True, standby_signal=True), Way.START),
        (replace(old("in production", 3), backup_label=True), Way.CLONE),
        (node(server=server()), Way.REFUSED),
        (standby("db1", "db2"), Way.NOTHING),
        (standby("db1", "db2", control=control(system_identifier="1")), Way.CLONE),
        (standby("db1", server=server(is_standby=True)), Way.START),
        (following(2, FORK), Way.START),
        (following(2, FORK + 1), Way.REWIND),
    ],
)
def test_the_files_of_an_old_node_say_how_it_may_come_back(one: Node, way: Way) -> None:
    assert way_back(one, LEADER).way is way


def test_a_timeline_that_the_primary_does_not_come_from_is_cloned() -> None:
    other = replace(LEADER, forks={1: 0x1000})
    assert way_back(old(SHUT_DOWN, checkpoint_lsn=1), other).way is Way.CLONE
    assert way_back(old(STOPPED_STANDBY), other).way is Way.CLONE


@given(
    state=st.sampled_from([SHUT_DOWN, "in production", "in crash recovery", "shutting down"]),
    lsn=st.integers(0, 2**40),
    signal=st.booleans(),
)
def test_who_wrote_on_the_primarys_timeline_is_never_started_or_rewound(
    state: str, lsn: int, signal: bool
) -> None:
    one = replace(old(state, 3, checkpoint_lsn=lsn), standby_signal=signal)
    assert way_back(one, LEADER).way is Way.CLONE


@given(reached=st.integers(0, 2**40), fork=st.integers(1, 2**40))
def test_nothing_past_the_fork_is_ever_kept(reached: int, fork: int) -> None:
    leader = replace(LEADER, forks={2: fork})
    stopped = way_back(old(SHUT_DOWN, checkpoint_lsn=reached), leader).way
    assert stopped is (Way.FOLLOW if reached < fork else Way.REWIND)


# Real servers.


@pytest.fixture
def pair() -> Iterator[Pair]:
    if os.geteuid() != 0:
        pytest.skip("asks as the user postgres, as root can")
    with running_pair() as found:
        yield found


def seen(name: str, one: Server) -> Node:
    """Return what the host's agent would say of a server that runs here, or is stopped."""
    answered, said = clusters.of_server(PORT, str(one.directory), "stillhere")
    files = clusters.of_control(program("postgres").parts[4], str(one.data))
    timeline = clusters.newest_timeline(answered, files)
    return node_of(
        name,
        {
            **ANSWER,
            "server": answered,
            "said": said,
            "control": files,
            "history": clusters.history(str(one.data), timeline),
            "standby_signal": (one.data / "standby.signal").exists(),
            "backup_label": (one.data / "backup_label").exists(),
        },
    )


def way(one: Server, leader: Server) -> Way:
    return way_back(seen("old", one), seen("new", leader)).way


def test_after_a_planned_failover_the_old_one_follows_unless_it_wrote_again(pair: Pair) -> None:
    pair.primary.ask("CREATE TABLE noted (id integer)")
    pair.catch_up()
    pair.primary.stop()
    pair.promote()
    pair.standby.ask("INSERT INTO noted VALUES (1)")
    assert way(pair.primary, pair.standby) is Way.FOLLOW
    pair.primary.start()
    assert way(pair.primary, pair.standby) is Way.REFUSED
    pair.primary.stop()
    assert way(pair.primary, pair.standby) is Way.REWIND


def test_after_a_crash_the_old_one_is_rewound(pair: Pair) -> None:
    pair.primary.kill()
    pair.promote()
    assert way(pair.primary, pair.standby) is Way.REWIND


def test_a_standby_that_wrote_on_the_primarys_timeline_is_cloned(pair: Pair) -> None:
    pair.catch_up()
    assert way(pair.standby, pair.primary) is Way.NOTHING
    pair.standby.stop()
    assert way(pair.standby, pair.primary) is Way.START
    (pair.standby.data / "standby.signal").unlink()
    pair.standby.start()
    pair.standby.ask("CREATE TABLE rogue (id integer)")
    pair.standby.stop()
    assert way(pair.standby, pair.primary) is Way.CLONE


def test_an_old_primary_that_was_started_as_a_standby_past_the_fork_is_rewound(pair: Pair) -> None:
    pair.lag()
    pair.primary.ask("CREATE TABLE only_here (id integer)")
    pair.primary.kill()
    pair.promote()
    with (pair.primary.data / "postgresql.auto.conf").open("a") as file:
        hosts = f"host={pair.standby.directory} port={PORT} user=stillhere"
        file.write(f"primary_conninfo = '{hosts}'\n")
    (pair.primary.data / "standby.signal").touch()
    shutil.chown(pair.primary.data / "standby.signal", *owner())
    pair.primary.start()
    assert pair.primary.ask("SELECT to_regclass('only_here') IS NOT NULL") == [(True,)]
    assert way(pair.primary, pair.standby) is Way.REWIND
    pair.primary.stop()
    assert way(pair.primary, pair.standby) is Way.REWIND


def test_a_standby_that_crashed_starts_again(pair: Pair) -> None:
    pair.catch_up()
    pair.standby.kill()
    assert way(pair.standby, pair.primary) is Way.START
