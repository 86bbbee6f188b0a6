"""Numbers in templates."""

from django import template

register = template.Library()


@register.filter
def figure(number: int) -> str:
    """Show a count with its thousands apart: 1,000."""
    return f"{number:,}"
