"""In which zone a page shows its times: this is where the switch is read."""

from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from app.checks.models import Check
from app.checks.schedule import Kind

LONGEST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class ZoneChoice:
    """The zone, what to put into links to keep it, and what else there is to choose from."""

    zone: ZoneInfo
    pairs: tuple[tuple[str, str], ...]
    options: tuple[tuple[str, str], ...]
    note: str


def choose(asked: str, own: ZoneInfo, check: Check | None = None) -> ZoneChoice:
    """Return the zone that was asked for, or, with a note, the user's own."""
    is_known = is_zone(asked)
    zone = ZoneInfo(asked) if is_known else own
    note = ""
    if asked and not is_known:
        note = f"There is no time zone {asked[:LONGEST_SHOWN]!r}. Times are in yours, {own}."
    pairs = (("zone", zone.key),) if zone.key != own.key else ()
    return ZoneChoice(zone, pairs, _options(zone, own, check), note)


def is_zone(name: str) -> bool:
    """Return True for a zone that this machine has data of."""
    return name in _known()


def _options(zone: ZoneInfo, own: ZoneInfo, check: Check | None) -> tuple[tuple[str, str], ...]:
    """Return names and labels, each zone once, the one in use too."""
    labels = {own.key: f"{own.key} (yours)"}
    if check is not None and check.kind != Kind.SIMPLE and is_zone(check.tz):
        labels.setdefault(check.tz, f"{check.tz} (of the schedule)")
    for name in ("UTC", zone.key):
        labels.setdefault(name, name)
    return tuple(labels.items())


@cache
def _known() -> frozenset[str]:
    """Return every zone of this machine's data: asked once, as it reads directories."""
    return frozenset(available_timezones())
