"""What was promised against what is there."""

from hypothesis import given
from hypothesis import strategies as st

from ops.lab.drill.ledger import Account, account

TOKENS = st.sets(st.integers(0, 30).map(str))


def test_a_token_that_is_missing_is_lost_and_one_that_is_there_twice_is_doubled() -> None:
    found = account(["a", "b", "c"], ["a", "c", "c", "not acknowledged"])
    assert found == Account(acknowledged=3, lost=1, doubled=1)


def test_one_that_was_not_acknowledged_may_be_missing_but_not_be_there_twice() -> None:
    assert account(["a"], ["a", "b"]) == Account(1, 0, 0)
    assert account(["a"], ["a", "b", "b"]) == Account(1, 0, 1)


@given(acknowledged=TOKENS, unanswered=TOKENS, gone=TOKENS, twice=TOKENS)
def test_every_loss_and_every_double_counts(
    acknowledged: set[str], unanswered: set[str], gone: set[str], twice: set[str]
) -> None:
    there = (acknowledged | unanswered) - gone
    found = account(list(acknowledged), [*there, *(there & twice)])
    assert found.lost == len(acknowledged & gone)
    assert found.doubled == len(there & twice)
