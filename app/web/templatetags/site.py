"""What the service is called, in every template, also those rendered without a request."""

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def site_name() -> str:
    """Return the name of the service."""
    return str(settings.SITE_NAME)
