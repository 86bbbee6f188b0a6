"""Who may be made a standby, and whose data may be replaced for that."""

from dataclasses import replace

import pytest

from ops.databases.node import Node
from ops.databases.standing_by import why_not
from tests.ops.databases.nodes import node, primary, server, standby

BARE = replace(node("db2"), version="", marker="", control=None)
FENCED = node("db2", marker="fenced")
OLD = node("db2")  # its marker says primary, and its guard keeps it down


@pytest.mark.parametrize(
    ("db2", "is_reclone", "words"),
    [
        (BARE, False, ""),
        (BARE, True, ""),  # a copy that was cut, or nothing at all
        (standby(), False, ""),  # one whose making was cut: it is finished
        (standby(), True, ""),
        (FENCED, True, ""),
        (FENCED, False, "fab db.rejoin db2"),
        (OLD, False, "--reclone"),
        (OLD, True, "fab db.fence db2"),
        (node("db2", server=server()), True, "Nobody can be copied"),  # two primaries
        (standby(procedure={"step": "E3"}), True, "a failover is under way"),
        ("db2: no answer within 10 s.", True, "no answer"),
    ],
)
def test_only_data_that_nobody_needs_is_replaced(
    db2: Node | str, is_reclone: bool, words: str
) -> None:
    said = why_not("db2", {"db1": primary(), "db2": db2}, is_reclone=is_reclone)
    assert words in said
    assert bool(words) == bool(said)


@pytest.mark.parametrize("is_reclone", [True, False])
def test_the_primary_is_never_replaced(is_reclone: bool) -> None:
    assert "db1 is the primary" in why_not(
        "db1", {"db1": primary(), "db2": standby()}, is_reclone=is_reclone
    )


def test_nobody_is_copied_while_a_host_is_silent_that_may_be_a_newer_primary() -> None:
    nodes: dict[str, Node | str] = {"db1": primary(), "db2": BARE, "db3": "db3: no answer."}
    assert "db3 cannot be asked" in why_not("db2", nodes, is_reclone=False)


def test_nobody_is_copied_without_a_primary() -> None:
    nodes: dict[str, Node | str] = {"db1": standby("db1"), "db2": BARE}
    assert "Nobody can be copied" in why_not("db2", nodes, is_reclone=False)
