"""Which host takes a backup."""

from dataclasses import replace

import pytest

from ops.backups.taking import who_takes
from ops.databases.node import Node
from ops.errors import Refused
from tests.ops.databases.nodes import primary, standby


def test_a_standby_that_streams_spares_the_primary() -> None:
    assert who_takes({"db1": primary(), "db2": standby()}) == "db2"
    assert who_takes({"db1": standby("db1", "db2"), "db2": primary("db2", "db1")}) == "db1"


def test_a_primary_alone_takes_its_own() -> None:
    still = standby()
    assert still.server
    still = replace(still, server=replace(still.server, receiver=None))
    assert who_takes({"db1": primary(), "db2": still}) == "db1"
    assert who_takes({"db1": primary(), "db2": "db2: no answer."}) == "db1"


def test_nobody_takes_one_while_it_is_unknown_who_the_primary_is() -> None:
    nobody: dict[str, Node | str] = {"db1": "silent", "db2": standby()}
    for nodes in (nobody, nobody | {"db1": primary(), "db2": primary("db2")}):
        with pytest.raises(Refused, match="Nothing to back up"):
            who_takes(nodes)
