"""Power that goes and comes back: whoever is switched on, one host at most takes writes."""

import time
from collections.abc import Callable

import pytest

from ops.lab import fleet, hosts
from tests.ops.failover.pair import Pair, until

pytestmark = pytest.mark.lab

SOME_TRIES_SECONDS = 25  # the guard is asked every ten seconds


def kill(pair: Pair, *names: str) -> None:
    with fleet.changing(pair.lab):
        for name in names:
            hosts.kill(pair.lab, pair.lab.host(name))


def start(pair: Pair, *names: str) -> None:
    fleet.up(pair.lab, [pair.lab.host(name) for name in names], None, lambda _: None)


def never_both(pair: Pair, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert len(pair.product.primaries()) <= 1
        time.sleep(0.5)


def signal_of_a_standby(pair: Pair, host: str) -> None:
    """Make it one in the eyes of PostgreSQL, as somebody might who means well."""
    touch = "for data in /var/lib/postgresql/*/main; do runuser -u postgres -- touch $data/{}; done"
    pair.product.run(host, ["sh", "-ec", touch.format("standby.signal")])
    pair.product.run(host, ["systemctl", "reset-failed", pair.unit(host)])
    pair.product.run(host, ["systemctl", "start", "--no-block", pair.unit(host)])


def nothing(_pair: Pair, _host: str) -> None:
    """Leave it as it is."""


@pytest.mark.long
@pytest.mark.parametrize(
    "act",
    [nothing, signal_of_a_standby],
    ids=["as it was", "with standby.signal"],
)
def test_an_old_primary_that_is_switched_on_again_takes_no_writes(
    pair: Pair, act: Callable[[Pair, str], None]
) -> None:
    old, new = pair.roles()
    with pair.promised():
        kill(pair, old)
        done = pair.failover(new, "--primary-lost")
        assert done.returncode == 0, done.stdout + done.stderr
        start(pair, old)
        act(pair, old)
        never_both(pair, SOME_TRIES_SECONDS)
        assert pair.product.primaries() == [new]
        if act is nothing:
            assert pair.product.run(old, ["sh", "-c", f"systemctl is-active {pair.unit(old)} || :"]
                                    ).strip() != "active"  # fmt: skip
        rejoined = pair.fab("db.rejoin", old, "--confirm", old)
        assert rejoined.returncode == 0, rejoined.stdout + rejoined.stderr
        until(pair.streams, f"{old} to follow")
    assert pair.fab("db.status").returncode == 0


@pytest.mark.long
def test_both_hosts_come_back_by_themselves_when_they_are_switched_on_together(pair: Pair) -> None:
    old, new = pair.roles()
    with pair.promised():
        kill(pair, old, new)
        start(pair, old, new)
        until(pair.streams, "one to follow the other")
        assert pair.product.primaries() == [old]


@pytest.mark.long
def test_a_primary_that_is_switched_on_alone_waits_for_its_peer(pair: Pair) -> None:
    old, new = pair.roles()
    kill(pair, old, new)
    start(pair, old)
    never_both(pair, SOME_TRIES_SECONDS)
    assert pair.product.primaries() == []
    start(pair, new)
    until(lambda: pair.product.primaries() == [old], "the guard to let it start")
    until(pair.streams, "the standby to stream")


@pytest.mark.long
def test_a_primary_that_still_answers_is_not_lost(pair: Pair) -> None:
    """Nobody is promoted beside it: it is fenced and stopped first, as it can be reached."""
    old, new = pair.roles()
    with pair.promised():
        done = pair.failover(new, "--primary-lost")
        assert done.returncode == 0, done.stdout + done.stderr
        assert pair.product.primaries() == [new]
    until(pair.streams, f"{old} to follow")
