"""Moments in templates: words for people, an exact time in the element for machines."""

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

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
def lately(moment: datetime | None, now: datetime) -> SafeString | str:
    """Show how long ago it was to the minute, for pages that are made anew each minute."""
    return _element(moment, words.ago(moment, now, words.A_MINUTE)) if moment else "never"


@register.simple_tag(takes_context=True)
def at(context: Mapping[str, Any], moment: datetime | None, now: datetime) -> SafeString | str:
    """Show when it is, in the page's zone, which it names."""
    if moment is None:
        return "never"
    return _element(moment, words.clock(moment, now, _zone(context)))


@register.simple_tag(takes_context=True)
def stamp(context: Mapping[str, Any], moment: datetime) -> SafeString:
    """Show date and time to the second in the page's zone, for columns of a log."""
    return _element(moment, f"{moment.astimezone(_zone(context)):%Y-%m-%d %H:%M:%S}")


def _zone(context: Mapping[str, Any]) -> tzinfo:
    """Return the `zone` that access.page (or a page's own switch) has put there."""
    zone = context.get("zone", UTC)
    assert isinstance(zone, tzinfo)
    return zone


def _element(moment: datetime, shown: str) -> SafeString:
    utc = moment.astimezone(UTC)
    return format_html(_ELEMENT, f"{utc:%Y-%m-%dT%H:%M:%SZ}", f"{utc:%Y-%m-%d %H:%M:%S} UTC", shown)
