"""The load balancers that tests handle: of this Debian and, for the long ones, of the older."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from ops.fleets import find_fleet
from ops.lab import fleet
from tests.ops.labs import planned_lab
from tests.ops.load_balancers.stand import Stand, echo_servers
from tests.ops.operator import apply_here, nothing_told
from tests.ops.rehearsal import Rehearsal

_OF_OLD_DEBIAN = ("lb1", "app1", "world", "client")


@pytest.fixture(scope="package", params=[13, pytest.param(12, marks=pytest.mark.long)])
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """Give load balancers with echo servers behind them; what a test changes, it changes back."""
    if request.param == 13:
        applied, rehearsal = (request.getfixturevalue(name) for name in ("applied", "rehearsal"))
        with echo_servers(Stand(rehearsal, applied, 13)) as stand:
            yield stand
    else:
        with old_stand() as bare, echo_servers(bare) as stand:
            yield stand


@contextmanager
def old_stand() -> Iterator[Stand]:
    """Give the least that a balancer needs, on Debian 12."""
    with planned_lab() as lab:
        fleet.up(lab, [lab.host(name) for name in _OF_OLD_DEBIAN], 12, lambda _: None)
        rehearsal = Rehearsal(lab)
        whole = find_fleet(str(rehearsal.inventory))
        small = replace(
            whole, hosts=tuple(host for host in whole.hosts if host.name in _OF_OLD_DEBIAN)
        )
        results = apply_here(small, nothing_told)
        assert [one.trouble for one in results if one.trouble] == []
        yield Stand(rehearsal, small, 12)
