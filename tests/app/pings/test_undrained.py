"""What a receiver keeps in memory of pings that wait (app/pings/undrained.py)."""

from app.pings.journal import Place
from app.pings.undrained import Undrained


def test_an_outage_costs_no_memory_for_every_commit() -> None:
    undrained = Undrained()
    for number in range(50_000):
        undrained.add(Place(1, number), 2)
    assert len(undrained) < 100
    assert undrained.count == 100_000
    undrained.drained(Place(1, 49_998))
    assert undrained.count > 0
    undrained.drained(Place(1, 49_999))
    assert (undrained.count, undrained.oldest_seconds()) == (0, 0.0)
