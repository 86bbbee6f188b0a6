"""The zone in which a page shows its times."""

from zoneinfo import ZoneInfo

import pytest

from app.checks.models import Check
from app.pages.zone_choice import choose

RIGA = ZoneInfo("Europe/Riga")
TOKYO = Check(kind="cron", schedule="0 3 * * *", tz="Asia/Tokyo")


def test_without_a_choice_it_is_the_users() -> None:
    choice = choose("", RIGA, TOKYO)
    assert (choice.zone, choice.pairs, choice.note) == (RIGA, (), "")
    assert [name for name, _ in choice.options] == ["Europe/Riga", "Asia/Tokyo", "UTC"]
    assert [label for _, label in choice.options][:2] == [
        "Europe/Riga (yours)",
        "Asia/Tokyo (of the schedule)",
    ]


def test_any_zone_may_be_chosen_and_stays_in_the_links() -> None:
    choice = choose("America/New_York", RIGA, TOKYO)
    assert choice.zone == ZoneInfo("America/New_York")
    assert choice.pairs == (("zone", "America/New_York"),)
    assert "America/New_York" in dict(choice.options)


def test_ones_own_zone_needs_no_place_in_the_links() -> None:
    assert choose("Europe/Riga", RIGA).pairs == ()


def test_a_period_has_no_zone_to_offer() -> None:
    names = [name for name, _ in choose("", RIGA, Check(kind="simple", tz="Asia/Tokyo")).options]
    assert names == ["Europe/Riga", "UTC"]


@pytest.mark.parametrize(
    "asked", ["Mars/Olympus", "../../etc/passwd", "a\0b", "Europe", "x" * 9999]
)
def test_an_unknown_zone_is_ones_own_and_said(asked: str) -> None:
    choice = choose(asked, RIGA)
    assert choice.zone == RIGA
    assert choice.pairs == ()
    assert choice.note.startswith("There is no time zone ")
    assert len(choice.note) < 200
