"""Single-use sign-in links: this is where they are made and used up."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse

from app.accounts.models import MailedLink, User

LIFETIME = timedelta(hours=1)


def make_link(user: User | None, now: datetime, browser: str = "") -> str:
    """Return an absolute address that signs `user` in once, within LIFETIME.

    `browser` is the secret of the browser that asked, if there is one: in it
    the link works without a click. No user makes a link that never works.
    """
    MailedLink.objects.filter(expires_at__lt=now).delete()
    token = secrets.token_urlsafe(24)
    MailedLink.objects.create(
        digest=_digest(token),
        user=user,
        browser_digest=_digest(browser) if browser else "",
        expires_at=now + LIFETIME,
    )
    return settings.SITE_ROOT + reverse("sign_in_link", args=[token])


def find_link(token: str, now: datetime) -> MailedLink | None:
    """Return the link of a token, unless it was used, is too old or was never made."""
    links = MailedLink.objects.filter(digest=_digest(token), expires_at__gt=now, email="")
    return links.filter(user__is_active=True).select_related("user").first()


def is_of_browser(link: MailedLink, browser: str) -> bool:
    """Return True in the browser that asked for the link."""
    digest = _digest(browser)
    return bool(browser) and secrets.compare_digest(link.browser_digest, digest)


def use_up(link: MailedLink) -> User | None:
    """Return the user to sign in; None when somebody else was faster."""
    used, _ = MailedLink.objects.filter(pk=link.pk).delete()
    return link.user if used else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
