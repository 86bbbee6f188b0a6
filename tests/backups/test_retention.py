"""What may go (backups/retention.py): no history of a database makes it delete what is wanted."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from backups.replay import ArchivedFile, Span
from backups.retention import Backup, Decision, decide
from tests.backups.history import History, steps

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
DAYS, KEEP_VERIFIED = 62, 7


def dump(age_days: float, *, is_verified: bool = True, kind: str = "dump") -> Backup:
    taken_at = NOW - timedelta(days=age_days)
    span = Span("1", 1, "0" * 16, "0" * 16) if kind == "base" else None
    return Backup(f"{kind}-{age_days}", kind, taken_at, is_verified, span)


def decided(backups: list[Backup], wal: list[ArchivedFile] | None = None) -> Decision:
    return decide(backups, wal or [], NOW, days=DAYS, keep_verified=KEEP_VERIFIED)


def going(backups: list[Backup], wal: list[ArchivedFile] | None = None) -> list[str]:
    return [one.id for one in decided(backups, wal).backups]


def segment(number: int, age_days: float, timeline: int = 1, system: str = "1") -> ArchivedFile:
    name = f"{timeline:08X}{number:016X}"
    return ArchivedFile.of(f"wal/{name}", system, name, NOW - timedelta(days=age_days))


def base(age_days: float, number: int, *, timeline: int = 1, system: str = "1") -> Backup:
    position = f"{number:016X}"
    span = Span(system, timeline, position, position)
    taken_at = NOW - timedelta(days=age_days)
    return Backup(f"base-{age_days}", "base", taken_at, is_verified=True, wal=span)


def test_two_months_are_kept_to_the_second() -> None:
    newer = [dump(age) for age in range(7)]
    assert going([*newer, dump(62)]) == []
    a_microsecond_more = dump(62 + 1e-6 / 86_400)
    assert going([*newer, a_microsecond_more]) == [a_microsecond_more.id]


def test_nothing_goes_below_seven_newer_verified_ones() -> None:
    backups = [*(dump(age) for age in range(6)), dump(7, is_verified=False), dump(90)]
    decision = decided(backups)
    assert decision.backups == ()
    assert decision.stays == {"dump-90": "6 newer verified, 7 are wanted"}
    assert going([*backups, dump(89)]) == ["dump-90"]


def test_a_dump_is_no_substitute_for_a_base() -> None:
    assert going([*(dump(age) for age in range(30)), dump(90, kind="base")]) == []


def test_a_backup_of_the_future_is_newer_than_none_and_stays() -> None:
    assert going([*(dump(-age) for age in range(1, 9)), dump(90)]) == []


def test_an_observer_whose_clock_is_years_ahead_leaves_seven() -> None:
    assert going([dump(1_000 + age) for age in range(30)]) == [
        f"dump-{1_000 + age}" for age in range(29, 6, -1)
    ]


def test_the_last_base_before_the_kept_period_stays_with_its_wal() -> None:
    bases = [base(7 * week, 1_000 - 10 * week) for week in range(12)]
    wal = [segment(1_000 - 10 * day // 7, day) for day in range(80)]
    decision = decided(bases, wal)
    assert [one.id for one in decision.backups] == ["base-77", "base-70"]
    assert decision.stays == {"base-63": "WAL of the last 62 days needs it"}
    assert [one.position for one in decision.wal] == [
        f"{number:016X}"
        for number in sorted({1_000 - 10 * day // 7 for day in range(64, 80)})[::-1]
    ]


def test_the_last_verified_base_stays_beside_a_nearer_one_that_is_not() -> None:
    bases = [*(base(age, 900 + age) for age in range(7)), base(80, 200), base(70, 300)]
    bases.append(replace(base(65, 400), is_verified=False))
    decision = decided(bases, [segment(500, 61)])
    assert [one.id for one in decision.backups] == ["base-80"]
    assert set(decision.stays) == {"base-70", "base-65"}


def test_wal_goes_that_lies_before_the_start_of_the_first_base() -> None:
    first = replace(base(1, 500), wal=Span("1", 1, f"{500:016X}", f"{505:016X}"))
    wal = [segment(number, 80) for number in range(498, 508)]
    assert decided([first, base(0, 600)], wal).wal == (wal[0], wal[1])


def test_an_old_base_without_young_wal_goes() -> None:
    young = [base(age, 500 + age, system="2") for age in range(8)]
    assert going([*young, base(90, 1)], [segment(5, 80), segment(6, 63)]) == ["base-90"]


def test_wal_of_a_cluster_without_a_base_stays_while_it_is_young() -> None:
    wal = [segment(1, 61, system="9"), segment(2, 63, system="9")]
    assert decided([base(1, 500)], wal).wal == (wal[1],)


def test_a_base_that_nobody_can_read_keeps_all_wal_and_stays() -> None:
    unreadable = Backup("broken", "base", NOW - timedelta(days=90), True, None)
    decision = decided([*(base(age, 500 - age) for age in range(8)), unreadable], [segment(1, 80)])
    assert decision.wal == ()
    assert decision.stays == {"broken": "what WAL it needs cannot be read"}


def test_a_history_file_goes_with_the_last_base_of_its_cluster() -> None:
    old = NOW - timedelta(days=90)
    histories = [ArchivedFile.of(f"wal/{s}", s, "00000002.history", old) for s in "12"]
    assert decided([base(1, 500)], histories).wal == (histories[1],)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["dump", "base"]),
            st.floats(-3, 200, allow_nan=False),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_seven_newer_verified_ones_outlive_whatever_goes(
    drawn: list[tuple[str, float, bool]],
) -> None:
    backups = [
        Backup(str(n), kind, NOW - timedelta(days=age), verified, dump(0, kind=kind).wal)
        for n, (kind, age, verified) in enumerate(drawn)
    ]
    decision = decided(backups)
    kept = [one for one in backups if one not in decision.backups]
    for one in decision.backups:
        assert one.taken_at < NOW - timedelta(days=DAYS)
        newer = [k for k in kept if k.kind == one.kind and one.taken_at < k.taken_at <= NOW]
        assert sum(k.is_verified for k in newer) >= KEEP_VERIFIED
    again = decided(kept)
    assert again.backups == ()
    assert {one.id for one in kept if one.taken_at < NOW - timedelta(days=DAYS)} == set(again.stays)


@settings(max_examples=200)
@given(steps)
def test_what_could_be_restored_of_the_kept_period_still_can_be(
    drawn: list[tuple[str, int, int]],
) -> None:
    history = History()
    for step in drawn:
        history.take(*step)
        before = history.restorable(is_verified=False), history.restorable(is_verified=True)
        history.prune()
        young = history.young()
        assert before[0] & young <= history.restorable(is_verified=False)
        assert before[1] & young <= history.restorable(is_verified=True)
        assert history.prune() == Decision(stays=history.decision().stays)
