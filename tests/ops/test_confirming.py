"""Only the fleet's name is a yes."""

import io
import sys
from pathlib import Path

import pytest

from ops.confirming import confirmed, named
from ops.console import Console
from ops.errors import Refused
from ops.inventory import read_fleet
from tests.ops.inventories import inventory


class Terminal(io.StringIO):
    """What an operator types."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "said"), [("berlin\n", True), ("yes\n", False), ("", False)])
def test_the_fleets_name_is_a_yes_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, typed: str, said: bool
) -> None:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert confirmed(Console({}), read_fleet(path), yes=False) is said
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    with pytest.raises(Refused, match="Nobody is there"):
        confirmed(Console({}), read_fleet(path), yes=False)


@pytest.mark.parametrize(("typed", "said"), [("app3\n", True), ("yes\n", False), ("", False)])
def test_what_cannot_be_undone_wants_the_hosts_name(
    monkeypatch: pytest.MonkeyPatch, typed: str, said: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert named(Console({}), "app3", "") is said
    assert named(Console({}), "app3", "app3")
    with pytest.raises(Refused, match="--confirm app2 is not app3"):
        named(Console({}), "app3", "app2")
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    with pytest.raises(Refused, match="Say --confirm app3"):
        named(Console({}), "app3", "")
