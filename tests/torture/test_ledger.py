from pathlib import Path

from tests.torture.ledger import Compared, Ledger, compare


def test_what_is_lost_doubled_and_destroyed_is_told_apart() -> None:
    ledger = Ledger(frozenset("abcd"), refused=frozenset("r"), unanswered=frozenset("u"))
    rows = {"a": 1, "b": 2, "r": 1, "u": 3, "e": 1}
    found = compare(ledger, rows, destroyed={"d", "x", "e"})
    assert found == Compared(lost=["c"], doubled=["b", "u"], destroyed=["d"], risen=["e"])


def test_a_line_that_is_not_whole_yet_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    assert Ledger.read(path) == Ledger()
    path.write_text("A one 200\nR two 503\nU three 0\nA fo", "ascii")
    assert Ledger.read(path) == Ledger(frozenset({"one"}), frozenset({"two"}), frozenset({"three"}))
