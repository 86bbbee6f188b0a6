"""E-mailed links that work once: this is where they are made, found and used up."""

import hashlib
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.urls import reverse

from app.accounts.models import MailedLink, User

LIFETIME = timedelta(hours=1)


def make(
    route: str, now: datetime, *, user: User | None = None, email: str = "", browser: str = ""
) -> str:
    """Return an absolute address of the route that works once, within LIFETIME.

    What it does is in what it names (MailedLink). `browser` is the secret of the
    browser that asked, if there is one.
    """
    MailedLink.objects.filter(expires_at__lt=now).delete()
    token = new_token()
    MailedLink.objects.create(
        digest=digest(token),
        user=user,
        email=email,
        browser_digest=digest(browser) if browser else "",
        expires_at=now + LIFETIME,
    )
    return settings.SITE_ROOT + reverse(route, args=[token])


def living(token: str, now: datetime) -> models.QuerySet[MailedLink]:
    """Return the link of a token, unless it was used, is too old or was never made."""
    links = MailedLink.objects.filter(digest=digest(token), expires_at__gt=now)
    return links.select_related("user")


def use_up(link: MailedLink) -> bool:
    """Return False when somebody else was faster."""
    used, _ = MailedLink.objects.filter(pk=link.pk).delete()
    return bool(used)


def new_token() -> str:
    """Return a secret of 192 bits that can stand in an address."""
    return secrets.token_urlsafe(24)


def digest(secret: str) -> str:
    """Return what is stored of a secret: 64 hexadecimal digits."""
    return hashlib.sha256(secret.encode()).hexdigest()
