"""Links that sign in: this is where they are made and used up."""

import secrets
from datetime import datetime

from app.accounts import mailed_links
from app.accounts.models import MailedLink, User


def make_link(user: User | None, now: datetime, browser: str = "") -> str:
    """Return an absolute address that signs `user` in once, within an hour.

    `browser` is the secret of the browser that asked, if there is one: in it
    the link works without a click. No user makes a link that never works.
    """
    return mailed_links.make("sign_in_link", now, user=user, browser=browser)


def find_link(token: str, now: datetime) -> MailedLink | None:
    """Return the link of a token, unless it was used, is too old or was never made."""
    return mailed_links.living(token, now).filter(email="", user__is_active=True).first()


def is_of_browser(link: MailedLink, browser: str) -> bool:
    """Return True in the browser that asked for the link."""
    digest = mailed_links.digest(browser)
    return bool(browser) and secrets.compare_digest(link.browser_digest, digest)


def use_up(link: MailedLink) -> User | None:
    """Return the user to sign in; None when somebody else was faster."""
    return link.user if mailed_links.use_up(link) else None
