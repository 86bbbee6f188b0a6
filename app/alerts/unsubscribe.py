"""The signed token of an unsubscribe link: whose it is and when it was sent.

It does not expire: an old mail has to be able to stop what it started.
"""

from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.core.signing import BadSignature, Signer


def token(channel: UUID, now: datetime) -> str:
    """Return the token of a mail to the channel that is sent now."""
    return _signer().sign(f"{channel.hex}-{int(now.timestamp())}")


def url(channel: UUID, now: datetime) -> str:
    """Return the link. Its path is the route `unsubscribe` of app/urls.py."""
    return f"{settings.SITE_ROOT}/unsubscribe/{token(channel, now)}/"


def read(given: str) -> tuple[UUID, datetime]:
    """Return the channel's code and when the mail was sent. ValueError for a false token."""
    try:
        code, _, seconds = _signer().unsign(given).partition("-")
    except BadSignature:
        raise ValueError("the unsubscribe link is not one of ours") from None
    return UUID(code), datetime.fromtimestamp(int(seconds), UTC)


def _signer() -> Signer:
    return Signer(salt="app.alerts.unsubscribe", sep=".")
