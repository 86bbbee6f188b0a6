"""A failover that stops anywhere: one host takes writes, never both, and always a way on."""

import signal
import time

import pytest

from tests.ops.deploy.stage import wait_for
from tests.ops.failover import troubles
from tests.ops.failover.pair import Pair, until

pytestmark = pytest.mark.lab

# What the operator has seen when their machine is gone.
BEFORE = ("look", "checkpoint", "fence", "stop", "catch up")
AFTER = ("promote", "settle", "prove", "rejoin")
QUICK = ("promote",)  # before it, in every run, one is taken back


def cut_off(pair: Pair, new: str, step: str) -> str:
    """Kill the command as soon as it has said that a step is done; return what it said."""
    with pair.operator(new) as operator:
        said = wait_for(operator, f"  {step} ")
        operator.kill()
    return said


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(step, marks=[] if step in QUICK else [pytest.mark.long])
        for step in (*BEFORE, *AFTER)
    ],
)
def test_the_same_command_finishes_what_was_cut_off(pair: Pair, step: str) -> None:
    old, new = pair.roles()
    with pair.promised():
        cut_off(pair, new, step)
        time.sleep(1)
        assert len(pair.product.primaries()) <= 1
        if step in AFTER:
            until(lambda: pair.product.primaries() == [new], "the new one to take writes")
        done = pair.failover(new)
        assert done.returncode == 0, done.stdout + done.stderr
        assert pair.product.primaries() == [new]
        until(pair.streams, f"{old} to follow")
    assert pair.fab("db.status").returncode == 0


@pytest.mark.parametrize(
    "step",
    ["fence", *(pytest.param(step, marks=pytest.mark.long) for step in ("checkpoint", "stop"))],
)
def test_before_the_promotion_it_can_be_taken_back(pair: Pair, step: str) -> None:
    old, new = pair.roles()
    with pair.promised():
        cut_off(pair, new, step)
        time.sleep(1)
        done = pair.failover(new, "--undo")
        assert done.returncode == 0, done.stdout + done.stderr
        assert pair.product.primaries() == [old]
    until(pair.streams, f"{new} to follow")
    assert pair.fab("db.status").returncode == 0


def test_after_the_promotion_it_cannot_be_taken_back(pair: Pair) -> None:
    _, new = pair.roles()
    cut_off(pair, new, "promote")
    done = pair.failover(new, "--undo")
    assert done.returncode == 1
    assert "cannot be undone" in done.stderr
    assert pair.product.primaries() == [new]
    assert pair.failover(new).returncode == 0
    until(pair.streams, "the old one to follow")


@pytest.mark.timeout(600)
@pytest.mark.long
def test_a_stop_that_hangs_is_taken_back_and_the_primary_takes_writes(pair: Pair) -> None:
    old, new = pair.roles()
    with pair.promised(), troubles.stop_hanging(pair.product, old):
        done = pair.failover(new)
        said = done.stdout + done.stderr
        assert done.returncode == 1, said
        assert f"ABORTED, and {old} takes writes as before." in said
        assert pair.product.primaries() == [old]
        assert "fence" not in pair.product.run(old, ["nft", "list", "tables"])
    until(pair.streams, "the standby to stream again")


@pytest.mark.long
def test_a_standby_that_replays_no_more_is_taken_back(pair: Pair) -> None:
    """Its replay stops when the pre-flight has seen it well, and before the primary stops."""
    old, new = pair.roles()
    with pair.promised(), pair.operator(new) as operator:
        said = wait_for(operator, "  checkpoint ")
        operator.send_signal(signal.SIGSTOP)  # else all is done before the replay is paused
        with troubles.replay_paused(pair.product, new):
            operator.send_signal(signal.SIGCONT)
            rest, _ = operator.communicate(timeout=300)
            assert operator.returncode == 1, said + rest
            assert f"ABORTED, and {old} takes writes as before." in rest
            assert pair.product.primaries() == [old]
    until(pair.streams, "the standby to stream again")
