"""Figures that go from one process to another (app/metrics/samples.py)."""

import msgpack

from app.metrics import catalogue as its
from app.metrics.samples import Distribution, Sample, packed, unpacked


def test_samples_come_over_as_they_are() -> None:
    distribution = Distribution(its.BATCH_SECONDS)
    distribution.observe(0.003)
    said = [Sample(its.APPLIED, 7), Sample(its.STUCK, 1, ("3",)), distribution.sample()]
    wire = msgpack.unpackb(msgpack.packb(packed(said)), use_list=False)
    assert unpacked(wire) == said


def test_what_another_release_says_differently_is_left_out() -> None:
    said = [
        ("stillhere_not_yet_thought_of", (), 1.0),
        ("stillhere_journal_stuck", (), 1.0),
        ("stillhere_drain_batch_pings", (), 4.0),
        ("stillhere_drain_batch_pings", (), ((1, 2), 5.0)),
        ("stillhere_drain_pings_applied_total", (), ((1, 2), 5.0)),
        ("stillhere_drain_pings_applied_total", (), 9),
    ]
    assert unpacked(said) == [Sample(its.APPLIED, 9)]
