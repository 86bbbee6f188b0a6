"""Moments in templates: words for people, an exact time in the element for machines."""

from datetime import UTC, datetime

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from app.pages import words

register = template.Library()
_ELEMENT = '<time datetime="{}" title="{}">{}</time>'


@register.simple_tag
def ago(moment: datetime | None, now: datetime) -> SafeString | str:
    """Show how long ago it was, or "never"."""
    return _element(moment, words.ago(moment, now)) if moment else "never"


@register.simple_tag
def at(moment: datetime | None, now: datetime) -> SafeString | str:
    """Show when it is, in UTC."""
    return _element(moment, words.clock(moment, now)) if moment else "never"


@register.simple_tag
def stamp(moment: datetime) -> SafeString:
    """Show the date and the time to the second, in UTC, for columns of a log."""
    return _element(moment, f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}")


def _element(moment: datetime, shown: str) -> SafeString:
    utc = moment.astimezone(UTC)
    return format_html(_ELEMENT, f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC", shown)
