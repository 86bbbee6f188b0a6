"""The drill itself, and many failovers in a row: what was acknowledged is there, once."""

from typing import Any

import pytest

from tests.ops.failover.pair import Pair, until

pytestmark = pytest.mark.lab

IN_A_ROW = 12
CONNECT_SECONDS = 2.0  # of every DATABASE_URL


def is_clean(found: dict[str, Any]) -> bool:
    counted = {name: found[name] for name in ("lost", "doubled", "refused")}
    return counted == {"lost": 0, "doubled": 0, "refused": 0} and found["acknowledged"] >= 1_000


def test_a_planned_failover_loses_nothing_and_refuses_nothing(pair: Pair) -> None:
    old, new = pair.roles()
    found = pair.drill.planned()
    assert is_clean(found), found
    assert pair.roles() == (new, old)
    assert set(found["parts"]) >= {"stop", "promote", "reconnect"}
    assert found["longest_500s_seconds"] <= found["write_gap_seconds"] + CONNECT_SECONDS, found


@pytest.mark.timeout(600)
@pytest.mark.long
def test_what_only_a_dead_primary_had_comes_back_from_the_journals(pair: Pair) -> None:
    old, new = pair.roles()
    found = pair.drill.unplanned()
    assert is_clean(found), found
    assert found["missing_on_standby"] > 1_000, found
    assert pair.roles() == (new, old)
    assert pair.fab("db.status").returncode == 0


@pytest.mark.long
@pytest.mark.timeout(3_000)
def test_twelve_failovers_in_a_row_are_all_clean(pair: Pair) -> None:
    with pair.promised():
        for number in range(IN_A_ROW):
            old, new = pair.roles()
            done = pair.failover(new)
            assert done.returncode == 0, f"number {number}: {done.stdout}{done.stderr}"
            until(pair.streams, f"{old} to follow")
            assert pair.roles() == (new, old)
            status = pair.fab("db.status")
            assert status.returncode == 0, status.stdout + status.stderr
    assert pair.fab("plan").returncode == 0
