"""What a channel is called on pages."""

from urllib.parse import urlsplit

from app.alerts.models import Channel


def target(channel: Channel) -> str:
    """Return whom it reaches. A webhook's path may hold a secret: only its host is shown."""
    if channel.kind == Channel.Kind.WEBHOOK:
        return urlsplit(channel.target).hostname or ""
    return channel.target


def title(channel: Channel) -> str:
    """Return its name, or whom it reaches, and its kind."""
    return f"{channel.name or target(channel)} ({channel.get_kind_display()})"
