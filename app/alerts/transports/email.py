"""E-mail: text and HTML, with a way out that mail programs understand (RFC 8058)."""

import smtplib
from datetime import UTC, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMultiAlternatives
from django.core.validators import validate_email
from django.template.loader import render_to_string

from app.alerts import unsubscribe
from app.alerts.message import CheckFacts, Message, Outcome, in_words, seconds_in_words

EXCERPT_CHARS = 2_000
# The mailbox does not exist or is closed (RFC 3463). Other refusals of a
# recipient may be our own relay's fault, and must not silence every channel.
GONE = ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")


def wants(config: Any, status: str) -> bool:
    """Return True unless the direction is switched off."""
    return not isinstance(config, dict) or bool(config.get(f"on_{status}", True))


def send(message: Message) -> Outcome:
    """Send the mail through the configured server."""
    to = message.config.get("to")
    try:
        validate_email(to)
        str(to).rpartition("@")[2].encode("idna")
    except (ValidationError, UnicodeError):
        return Outcome.gone("the e-mail address is not valid")
    try:
        _mail(message, str(to)).send()
    except smtplib.SMTPRecipientsRefused as refused:
        return _refused(*next(iter(refused.recipients.values())))
    except (smtplib.SMTPException, OSError) as error:
        return Outcome.retry(f"the mail server: {error}")
    return Outcome.sent()


def _refused(code: int, reply: bytes) -> Outcome:
    text = f"{code} {reply.decode('utf-8', 'replace')}"
    is_gone = 500 <= code < 600 and text.split()[1:2] and text.split()[1] in GONE
    verdict = Outcome.gone if is_gone else Outcome.retry
    return verdict(f"the mail server refused the address: {text}")


def _mail(message: Message, to: str) -> EmailMultiAlternatives:
    context = _context(message)
    mail = EmailMultiAlternatives(
        subject=_subject(message),
        body=render_to_string("alerts/alert.txt", context),
        to=[to],
        headers={
            "List-Unsubscribe": f"<{context['unsubscribe_url']}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            # The same for every attempt, so that a mail program shows one.
            "Message-ID": f"<{message.notification.hex}@{_domain()}>",
        },
    )
    mail.attach_alternative(render_to_string("alerts/alert.html", context), "text/html")
    return mail


def _domain() -> str:
    return str(settings.DEFAULT_FROM_EMAIL).rpartition("@")[2].rstrip("> ") or "localhost"


def _subject(message: Message) -> str:
    if message.check is None:
        return f"TEST | {settings.SITE_NAME}"
    return f"{message.status.upper()} | {_title(message.check)}"


def _title(check: CheckFacts) -> str:
    # split() also takes line breaks, which must not become a header of their own.
    return " ".join(check.name.split()) or str(check.code)


def _context(message: Message) -> dict[str, Any]:
    zone = _zone(message.check)
    return {
        "site_name": settings.SITE_NAME,
        "message": message,
        "check": message.check,
        "status": message.status.upper() if message.check else "TEST",
        "flip_at": _moment(message.flip_at, zone),
        "unsubscribe_url": unsubscribe.url(message.channel, message.sent_at),
        **(_check_context(message.check, zone) if message.check else {}),
    }


def _check_context(check: CheckFacts, zone: tzinfo) -> dict[str, Any]:
    return {
        "title": _title(check),
        "check_url": f"{settings.SITE_ROOT}/checks/{check.code}/",
        "schedule": in_words(check.schedule),
        "grace": seconds_in_words(check.grace_seconds),
        "last_ping": _moment(check.last_ping_at, zone) if check.last_ping_at else "never",
        "body": check.body.decode("utf-8", "replace")[:EXCERPT_CHARS].strip(),
    }


def _zone(check: CheckFacts | None) -> tzinfo:
    try:
        return ZoneInfo(check.schedule.tz) if check else UTC
    except (KeyError, ValueError, OSError):
        return UTC


def _moment(at: datetime, zone: tzinfo) -> str:
    """Return the time in the check's zone and in UTC."""
    utc = f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    name = str(zone)
    return utc if name == "UTC" else f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S} {name} ({utc})"
