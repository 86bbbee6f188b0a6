"""How to ping a check from a job: this is where snippets get the reader's own address.

A name is only ever put into a comment, on one line, without characters that a
shell, cron or systemd could take for more than words.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from shlex import quote

from django.template.loader import render_to_string

from app.checks.models import Check
from app.checks.schedule import Kind
from app.pages.zone_choice import is_zone

DAY = 86_400
SNIPPETS = (
    ("curl", "One line at the end of a job"),
    ("bad_network", "Over a network that loses packets"),
    ("crontab", "Crontab"),
    ("service", "systemd: the service"),
    ("timer", "systemd: the timer"),
    ("bash", "Bash: any command, with its duration and its last lines"),
    ("python", "Python"),
)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of code with the check's address in it."""

    kind: str
    title: str
    text: str


def snippets(check: Check) -> list[Snippet]:
    """Return every snippet, in the order of the page."""
    values = _values(check)
    return [Snippet(kind, title, _rendered(kind, values)) for kind, title in SNIPPETS]


def one_line(text: str) -> str:
    """Return words for a comment: nothing that ends, continues or turns a line around."""
    plain = "".join(sign if sign.isprintable() and sign != "\\" else " " for sign in text)
    return " ".join(plain.split())


def cron_of(check: Check) -> str:
    """Return when cron is to start the job: the check's own expression, or one of its period."""
    if check.kind == Kind.CRON:
        return one_line(check.schedule)
    seconds = check.period_seconds if check.kind == Kind.SIMPLE else DAY
    minutes, hours = seconds // 60, seconds // 3_600
    if 0 < minutes < 60 and 60 % minutes == 0 and seconds % 60 == 0:
        return f"*/{minutes} * * * *" if minutes > 1 else "* * * * *"
    if 0 < hours < 24 and 24 % hours == 0 and seconds % 3_600 == 0:
        return f"0 */{hours} * * *" if hours > 1 else "0 * * * *"
    return "0 3 * * *"


def calendar_of(check: Check) -> Sequence[str]:
    """Return the same for a systemd timer, a line for each OnCalendar=."""
    if check.kind == Kind.ONCALENDAR:
        lines = [one_line(line) for line in check.schedule.splitlines() if line.strip()]
        return [line if is_zone(line.split()[-1]) else f"{line} {check.tz}" for line in lines]
    simple = {"* * * * *": "minutely", "0 * * * *": "hourly", "0 3 * * *": "*-*-* 03:00:00"}
    cron = "0 3 * * *" if check.kind == Kind.CRON else cron_of(check)
    minute, hour = cron.split()[:2]
    if minute.startswith("*/"):
        return [f"*:0/{minute[2:]}"]
    return [f"0/{hour[2:]}:00" if hour.startswith("*/") else simple[cron]]


def _values(check: Check) -> dict[str, object]:
    url = check.ping_url
    unit = check.slug or "watched-job"
    zone = check.tz if check.kind == Kind.CRON else ""
    expression = one_line(check.schedule)
    return {
        "name": one_line(check.name) or "A job that Stillhere watches",
        "unit": unit,
        "command": f"/usr/local/bin/{unit}",
        "cron": cron_of(check),
        "zone_note": zone and f"The check expects these times in {zone}.",
        "calendar": calendar_of(check),
        "calendar_note": zone
        and f"In cron this is {expression}, {zone}. Write it as systemd does:",
        # A check that takes only POST ignores what curl sends by itself.
        "post": " -d ''" if check.methods == "POST" else "",
        "url_sh": quote(url),
        "url_cron": quote(url).replace("%", "\\%"),
        "url_systemd": url.replace("%", "%%").replace("$", "$$"),
        "url_python": json.dumps(url),
    }


def _rendered(kind: str, values: dict[str, object]) -> str:
    return render_to_string(f"pages/snippets/{kind}.txt", values).strip()
