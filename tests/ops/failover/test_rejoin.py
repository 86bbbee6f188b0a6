"""What becomes of the old primary at the end of a failover, by what it says of itself."""

from dataclasses import replace

import pytest

from ops.databases.node import Node
from ops.databases.way_back import SHUT_DOWN, way_back
from ops.errors import ChangeFailed
from ops.failover.journal import Procedure, begun
from ops.failover.rejoin import why_left
from tests.ops.databases.nodes import control, node, primary, server

FORK = 0x2_0000_0000
LEADER = replace(primary("db2", "db1"), forks={1: 0x1000, 2: FORK})  # on timeline 3
PLANNED = begun("db1", "db2", ("1", 2), "anna@desk", is_primary_lost=False, without_backup=True)
LOST = replace(PLANNED, is_primary_lost=True)


def old(state: str, reached: int) -> Node:
    files = control(state=state, timeline=2, checkpoint_lsn=reached)
    return node(marker="fenced", control=files, server=None, unit="inactive")


@pytest.mark.parametrize("procedure", [PLANNED, LOST])
def test_no_failover_ends_while_the_old_one_takes_writes(procedure: Procedure) -> None:
    one = node(server=server(timeline=2))
    with pytest.raises(ChangeFailed, match=r"takes writes beside db2: fab db\.fence db1"):
        why_left(procedure, one, way_back(one, LEADER))


@pytest.mark.parametrize("procedure", [PLANNED, LOST])
@pytest.mark.parametrize("one", [old(SHUT_DOWN, FORK), old("in production", 1)])
def test_no_failover_throws_away_what_only_the_old_one_has(procedure: Procedure, one: Node) -> None:
    words = why_left(procedure, one, way_back(one, LEADER))
    assert words.startswith("stays fenced: ")
    assert "fab db.rejoin db1 rewinds it, and throws away what only it has" in words


@pytest.mark.parametrize("procedure", [PLANNED, LOST])
def test_who_was_stopped_before_the_fork_follows(procedure: Procedure) -> None:
    one = old(SHUT_DOWN, FORK - 120)
    assert why_left(procedure, one, way_back(one, LEADER)) == ""
