"""Mail without an SMTP server: into the data directory, and onto the console."""

from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend


class LocalMail(BaseEmailBackend):
    """Keep each message as a file in MAIL_DIR and show it on the console."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Return how many messages were kept."""
        settings.MAIL_DIR.mkdir(parents=True, exist_ok=True)
        backends = "django.core.mail.backends"
        get_connection(f"{backends}.console.EmailBackend").send_messages(email_messages)
        kept = get_connection(f"{backends}.filebased.EmailBackend", file_path=settings.MAIL_DIR)
        return kept.send_messages(email_messages) or 0
