"""Nothing is promoted as long as one thing is not proved."""

from dataclasses import replace
from typing import Any

import pytest

from ops.databases.node import FENCED, Node
from ops.failover.journal import Procedure, begun
from ops.failover.safety import Silence, why_not_promote
from tests.ops.databases.nodes import LSN, control, node, primary, server, standby

PLANNED = begun("db1", "db2", (control().system_identifier, 3), "anna@desk",
                is_primary_lost=False, without_backup=True)  # fmt: skip
LOST = replace(PLANNED, is_primary_lost=True)
OFF = Silence(("app1", "db2"), ())


def at_rest(**changed: Any) -> Node:
    """Return an old primary as a planned failover leaves it before the promotion."""
    whole: dict[str, Any] = {
        "marker": FENCED,
        "start_conf": "disabled",
        "fence": True,
        "fence_file": True,
        "unit": "inactive",
        "control": control(state="shut down", checkpoint_lsn=LSN - 120),
    }
    return node("db1", **(whole | changed))


def why_not(old: Node | None, new: Node, procedure: Procedure = PLANNED) -> str:
    return why_not_promote(procedure, old, new, OFF if old is None else None)


def test_a_standby_that_has_all_of_a_primary_at_rest_may_be_promoted() -> None:
    assert why_not(at_rest(), standby()) == ""


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"marker": "primary"}, "may be started again"),
        ({"start_conf": "auto"}, "may be started again"),
        ({"fence": False}, "is not fenced"),
        ({"fence_file": False}, "is not fenced"),
        ({"unit": "deactivating"}, "is not stopped"),
        ({"server": server()}, "is not stopped"),
        ({"control": None}, "'unknown'"),
        ({"control": control(checkpoint_lsn=LSN - 120)}, "'in production'"),
        ({"control": control(state="shut down", timeline=2)}, "another database, or timeline"),
        ({"control": control(state="shut down", system_identifier="1")}, "another database"),
        ({"control": control(state="shut down", checkpoint_lsn=LSN)}, "has not replayed all"),
    ],
)
def test_an_old_primary_that_is_not_at_rest_forbids_it(changed: dict[str, Any], words: str) -> None:
    assert words in why_not(at_rest(**changed), standby())


@pytest.mark.parametrize(
    ("new", "words"),
    [
        (standby(server=None, said="gone"), "does not answer: gone"),
        (primary("db2", "db1"), "is no standby"),
        (standby(control=control(system_identifier="1")), "another database"),
        (standby(server=server(is_standby=True, timeline=2)), "is on timeline 2"),
    ],
)
def test_a_host_that_is_not_its_standby_is_not_promoted(new: Node, words: str) -> None:
    assert words in why_not(at_rest(), new)
    assert words in why_not(None, new, LOST)


def test_a_silent_primary_is_never_passed_over_in_a_planned_failover() -> None:
    assert "nobody knows that it is fenced" in why_not(None, standby())


def test_a_lost_primary_has_to_be_silent_for_everybody() -> None:
    assert why_not_promote(LOST, None, standby(), OFF) == ""
    assert "nobody else has tried" in why_not_promote(LOST, None, standby(), None)
    assert "nobody else has tried" in why_not_promote(LOST, None, standby(), Silence((), ()))
    heard = Silence(("app1",), ("app1 gets 'open' from its port 5432",))
    assert "is alive" in why_not_promote(LOST, None, standby(), heard)


def test_a_lost_primary_that_answers_has_to_be_at_rest_and_may_lack_a_clean_end() -> None:
    crashed = at_rest(control=control(state="in production"))
    assert why_not(crashed, standby(), LOST) == ""
    assert "is not fenced" in why_not(replace(crashed, fence=False), standby(), LOST)
