"""What a failover has cost, for people and for programs."""

from dataclasses import replace

from ops.failover.hands import End, Outcome
from ops.failover.journal import begun
from ops.failover.report import Report

PLANNED = Report(
    begun("db1", "db2", ("1", 3), "anna@desk", is_primary_lost=False, without_backup=True),
    Outcome(End.DONE),
    {"checkpoint": 0.3, "fence": 0.05, "stop": 0.11, "catch up": 0.2, "promote": 0.36},
    is_resumed=False,
    gap_seconds=1.0,
    reconnect_seconds=0.2,
    new_timeline=4,
    rejoin="follows db2",
    lost_seconds=None,
)


def test_the_parts_of_the_gap_are_all_of_it() -> None:
    said = PLANNED.as_json()
    assert said["write_gap_seconds"] == 1.0
    assert list(said["parts"]) == ["fence", "stop", "catch up", "promote", "reconnect", "between"]
    assert abs(sum(said["parts"].values()) - 1.0) < 0.01


def test_it_says_what_was_risked_and_what_came_of_it() -> None:
    text = "\n".join(PLANNED.lines())
    assert "planned failover from db1 to db2: done" in text
    assert "nobody could write for 1.00 s (fence 0.05," in text
    assert "timeline 3 -> 4" in text
    assert "begun without a verified backup" in text
    assert "db1: follows db2" in text
    assert "lost" not in text


def test_a_gap_that_an_earlier_run_began_is_not_told_as_all_of_it() -> None:
    text = "\n".join(replace(PLANNED, is_resumed=True).lines())
    assert "for 1.00 s since this run began to stop it" in text


def test_an_unplanned_one_says_how_old_the_last_transaction_was() -> None:
    procedure = replace(PLANNED.procedure, is_primary_lost=True)
    report = replace(PLANNED, procedure=procedure, lost_seconds=7.25, gap_seconds=None)
    text = "\n".join(report.lines())
    assert "unplanned failover from db1 to db2: done" in text
    assert "a transaction that was 7.2 s old" in text
    assert report.as_json()["lost_seconds"] == 7.25
