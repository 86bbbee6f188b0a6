"""The mails of a test."""

import threading
from urllib.parse import urlsplit

from django.core import mail
from django.core.mail import EmailMessage


def arrived(count: int = 1) -> list[EmailMessage]:
    """Return the mails, once all of them have come; they have to be so many."""
    wait_for_mails()
    assert len(mail.outbox) == count
    return mail.outbox


def wait_for_mails() -> None:
    """Return when all mails have come: they leave from threads."""
    for thread in threading.enumerate():
        if thread.name == "mail":
            thread.join(10)


def link_in(message: EmailMessage) -> str:
    (link,) = [line for line in str(message.body).splitlines() if line.startswith("http")]
    parts = urlsplit(link)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
