"""The cases of `make torture`: the quick ones in every run, the others in the long one."""

import os

import pytest

from tests.e2e.service import new_database
from tests.torture.case import Case, play
from tests.torture.cases import CASES

_QUICK = [case for case in CASES if case.is_quick]
_LONG = [case for case in CASES if not case.is_quick]


@pytest.mark.processes
@pytest.mark.parametrize("case", _QUICK, ids=lambda case: case.name)
def test_nothing_is_lost_or_doubled(case: Case) -> None:
    """On the database of this run, which is SQLite or PostgreSQL."""
    with new_database() as database:
        result = play(case, 1, database)
    assert result.faults == [], result.notes["logs"]


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("case", _LONG, ids=lambda case: case.name)
def test_nothing_is_lost_or_doubled_by_the_worst(case: Case) -> None:
    """On servers of the case's own."""
    if case.needs_root and os.geteuid() != 0:
        pytest.skip("mounts and network namespaces need root")
    result = play(case, 1)
    assert result.faults == [], result.notes.get("logs")
