"""The mail with a sign-in link."""

import logging
import smtplib
import threading

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

logger = logging.getLogger(__name__)


def send(to: str, link: str) -> None:
    """Send the link without waiting for the mail server; to nobody when `to` is empty.

    The page's answer then takes the same time for a known and for an unknown address.
    """
    if to:
        threading.Thread(target=_deliver, args=(to, link), name="sign-in-mail").start()


def _deliver(to: str, link: str) -> None:
    name = settings.SITE_NAME
    body = render_to_string("pages/sign_in_mail.txt", {"link": link, "site_name": name})
    message = EmailMessage(f"Sign in to {name}", body, to=[to])
    message.extra_headers["Auto-Submitted"] = "auto-generated"
    try:
        message.send()
    except (OSError, ValueError, smtplib.SMTPException) as error:
        logger.error("sign-in mail not sent error=%s", type(error).__name__)
