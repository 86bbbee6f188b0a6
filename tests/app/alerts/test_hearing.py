from datetime import UTC, datetime

import pytest

from app.alerts.hearing import Database, Hearing, Report
from tests.app.alerts.world import SECOND

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


FIRST = Database(1)


def listen(
    hearing: Hearing, clock: int, database: Database = FIRST, met: str = "", **positions: int
) -> int | None:
    """Return T in seconds after NOW; positions are given the same way.

    `met` are the receivers whose drains have met this database; empty means all.
    """
    given = [
        Report(name, NOW + at * SECOND, database.timeline if name in (met or name) else 0)
        for name, at in positions.items()
    ]
    applied = hearing.applied_before(given, NOW + clock * SECOND, clock, database)
    return None if applied is None else int((applied - NOW).total_seconds())


def test_without_receivers_there_is_nothing_to_wait_for() -> None:
    assert listen(Hearing(120), 0) is None


def test_the_slowest_live_receiver_decides() -> None:
    assert listen(Hearing(120), 0, r1=-1, r2=-7) == -7


def test_a_silent_receiver_holds_for_the_given_time_after_its_last_word_and_no_longer() -> None:
    hearing = Hearing(120)
    applied = [listen(hearing, clock, r1=0) for clock in range(122)]
    assert applied[:120] == [0] * 120
    assert applied[120:] == [None, None]


def test_another_receiver_goes_on_when_one_is_silent() -> None:
    hearing = Hearing(120)
    applied = [listen(hearing, clock, r1=0, r2=clock) for clock in range(122)]
    assert applied[119] == 0
    assert applied[120:] == [120, 121]


def test_one_that_speaks_again_holds_again() -> None:
    hearing = Hearing(10)
    for clock in range(20):
        listen(hearing, clock, r1=0)
    assert listen(hearing, 20, r1=0) is None
    assert listen(hearing, 21, r1=1) == 1


def test_a_drain_that_works_off_a_backlog_is_not_silent_however_old_its_pings() -> None:
    hearing = Hearing(120)
    applied = [listen(hearing, clock, r1=-3600 + 10 * clock) for clock in range(200)]
    assert applied == [-3600 + 10 * clock for clock in range(200)]


def test_silence_seen_for_the_first_time_is_as_old_as_its_last_word() -> None:
    hearing = Hearing(120)
    assert [listen(hearing, clock, r1=-100) for clock in (0, 4, 8, 12, 16, 19)] == [-100] * 6
    assert listen(hearing, 20, r1=-100) is None


def test_what_starts_with_us_after_a_power_cut_gets_time_for_a_first_word() -> None:
    hearing = Hearing(120)
    assert [listen(hearing, clock, r1=-86_400) for clock in (0, 5, 10, 14)] == [-86_400] * 4
    assert listen(hearing, 15, r1=-86_400) is None


def test_silence_does_not_grow_while_we_hear_nobody() -> None:
    hearing = Hearing(120)
    for clock in range(100):
        listen(hearing, clock, r1=0)
    # The database was away for ten minutes: the drain could not have said anything.
    assert listen(hearing, 700, r1=0) == 0
    applied = [listen(hearing, clock, r1=0) for clock in range(701, 730)]
    assert applied[:20] == [0] * 20
    assert applied[-1] is None


@pytest.mark.parametrize("silent_after", [1, 3, 10])
def test_a_short_setting_is_not_lengthened_by_the_first_word(silent_after: int) -> None:
    hearing = Hearing(silent_after)
    applied = [listen(hearing, clock, r1=-500) for clock in range(silent_after + 1)]
    assert applied == [-500] * silent_after + [None]


def changed(clock: int) -> Database:
    return Database(2, NOW + clock * SECOND)


LONG_AGO = int((datetime(1970, 1, 1, tzinfo=UTC) - NOW).total_seconds())


def test_after_a_failover_a_receiver_is_waited_for_that_is_not_in_the_new_database() -> None:
    hearing = Hearing(120)
    listen(hearing, 9, r1=9, r2=9)
    lost = [listen(hearing, clock, changed(10), r1=clock) for clock in range(10, 140)]
    assert lost[:120] == [LONG_AGO] * 120
    assert lost[120:] == list(range(130, 140))


def test_a_receiver_that_comes_back_into_the_new_database_is_heard_as_ever() -> None:
    hearing = Hearing(120)
    listen(hearing, 9, r1=9, r2=9)
    assert listen(hearing, 10, changed(10), r1=10) == LONG_AGO
    assert listen(hearing, 11, changed(10), r1=11, r2=5) == 5
    assert listen(hearing, 12, changed(10), r1=12, r2=12) == 12


def test_a_notifier_that_starts_behind_a_failover_gives_drains_the_whole_time() -> None:
    hearing = Hearing(120)
    applied = [
        listen(hearing, clock, changed(300), met="r1", r1=clock, r2=0) for clock in range(310, 430)
    ]
    assert applied[:110] == [0] * 110
    assert applied[110:] == list(range(420, 430))


def test_long_after_a_failover_a_dead_receiver_costs_a_first_word_as_ever() -> None:
    hearing = Hearing(120)
    applied = [
        listen(hearing, clock, changed(300), met="r1", r1=clock, r2=0) for clock in range(900, 920)
    ]
    assert applied == [0] * 15 + list(range(915, 920))
