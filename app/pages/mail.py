"""Mail to people about their accounts: this is where it is written and handed over."""

import logging
import smtplib
import threading

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)

# By the template in templates/pages/mail.
SUBJECTS = {
    "sign_in": "Sign in to {site_name}",
    "sign_up": "Your account at {site_name}",
    "email_change": "Your new address at {site_name}",
    "email_changed": "Your address at {site_name} was changed",
    "invitation": "Invitation to {project} at {site_name}",
    "offer": "{project} at {site_name} is offered to you",
}


def send(kind: str, to: str, **facts: str) -> None:
    """Send a mail without waiting for the mail server; to nobody when `to` is empty.

    The page's answer then takes the same time for a known and for an unknown address.
    """
    if to:
        threading.Thread(target=_deliver, args=(kind, to, facts), name="mail").start()


def is_kept() -> bool:
    """Return True when mail stays on this server, for want of a mail server."""
    return not settings.EMAIL_HOST


def _deliver(kind: str, to: str, facts: dict[str, str]) -> None:
    facts = {**facts, "site_name": settings.SITE_NAME}
    body = render_to_string(f"pages/mail/{kind}.txt", facts)
    subject = " ".join(SUBJECTS[kind].format(**facts).split())  # a header has one line
    message = EmailMessage(subject, body, to=[to])
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    try:
        message.send()
    except (OSError, ValueError, smtplib.SMTPException) as error:
        logger.error("mail not sent kind=%s error=%s", kind, type(error).__name__)
