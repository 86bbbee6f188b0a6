"""Links that make an account: this is where they are made and used up."""

from datetime import datetime

from django.db import transaction

from app.accounts import mailed_links
from app.accounts.models import MailedLink, User


def make_link(email: str, now: datetime) -> str:
    """Return an absolute address that makes an account of the mailbox, once and within an hour."""
    return mailed_links.make("sign_up_link", now, email=email)


def find_link(token: str, now: datetime) -> MailedLink | None:
    """Return the link of a token, unless it was used, is too old or was never made."""
    return mailed_links.living(token, now).filter(user=None).exclude(email="").first()


def use_up(link: MailedLink) -> User | None:
    """Return the user of the mailbox, made now or by an earlier link.

    None when somebody else was faster, or when the account is no longer active.
    """
    with transaction.atomic():
        if not mailed_links.use_up(link):
            return None
        user, _ = User.objects.of_mailbox(link.email)
    return user if user.is_active else None
