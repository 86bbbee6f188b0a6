"""Links that change a user's address: this is where they are made and used up."""

from datetime import datetime

from django.db import IntegrityError, transaction

from app.accounts import mailed_links
from app.accounts.models import MailedLink, User


def make_link(user: User, email: str, now: datetime) -> str | None:
    """Return an absolute address that gives `user` the address `email`, once and within an hour.

    None when another account has it. The asker is not to know: a link that
    never works is made all the same, so that the answer takes the same time.
    """
    is_taken = User.objects.filter(email__iexact=email).exclude(pk=user.pk).exists()
    if is_taken:
        mailed_links.make("account_email_link", now)
        return None
    return mailed_links.make("account_email_link", now, user=user, email=email)


def find_link(token: str, now: datetime) -> MailedLink | None:
    """Return the link of a token, unless it was used, is too old or was never made."""
    return mailed_links.living(token, now).filter(user__is_active=True).exclude(email="").first()


def use_up(link: MailedLink) -> str | None:
    """Change the address and return the old one; all other links of the user end.

    None when somebody else was faster, or when another account has the address by now.
    """
    try:
        with transaction.atomic():
            if link.user_id is None or not mailed_links.use_up(link):
                return None
            user = User.objects.select_for_update().get(pk=link.user_id)
            old, user.email = user.email, link.email
            user.save(update_fields=["email"])
            user.mailed_links.all().delete()
    except (IntegrityError, User.DoesNotExist):
        return None
    return old
