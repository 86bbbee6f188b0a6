"""What a channel is called on pages, and why one is disabled."""

from urllib.parse import urlsplit

from django.utils.crypto import salted_hmac

from app.alerts.models import Channel

# What a disabled channel's reason begins with or holds, why that is, and what to do.
_REASONS = (
    (
        "unsubscribed",
        "somebody followed the unsubscribe link of an alert that was sent here",
        "Ask who reads this mailbox whether alerts are wanted",
    ),
    (
        "410 Gone",
        "the other end says that this address is gone for good",
        "Make a new address there and put it in with Edit",
    ),
    (
        "404",
        "the other end does not know this address any more",
        "Make a new address there and put it in with Edit",
    ),
    (
        "refused the address",
        "the mail server says that this mailbox does not exist or is closed",
        "Correct the address with Edit, or have the mailbox opened",
    ),
    (
        "address is not valid",
        "no mail can be sent to this address",
        "Correct the address with Edit",
    ),
)


def target(channel: Channel) -> str:
    """Return whom it reaches, without what may be a secret.

    A webhook's path often is one: only method and host are shown, with a mark
    that tells two webhooks to one host apart and says nothing else of the path.
    """
    if channel.kind != Channel.Kind.WEBHOOK:
        return channel.target
    side = channel.config.get("down") or channel.config.get("up") or {}
    host = urlsplit(channel.target).hostname or ""
    # Keyed: without our secret nobody can try out which path has this mark.
    mark = salted_hmac("app.pages.channel_words", channel.target).hexdigest()[:4]
    return f"{side.get('method', '')} {host} #{mark}".strip()


def title(channel: Channel) -> str:
    """Return its name, or whom it reaches, and its kind."""
    return f"{channel.name or target(channel)} ({channel.get_kind_display()})"


def why_disabled(channel: Channel) -> tuple[str, str]:
    """Return why the channel is disabled, and what to do before it is enabled again."""
    reason = channel.disabled_reason
    for sign, why, way_back in _REASONS:
        if sign in reason:
            said = "" if reason == sign else f" (“{reason}”)"
            return f"{why}{said}", way_back
    return reason or "no reason was given", "Correct what is wrong"
