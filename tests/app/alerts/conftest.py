from collections.abc import Iterator

import pytest
from pytest_django import Settings

from app.alerts.notifier import Notifier
from tests.app.alerts.sinks import HttpSink, SmtpSink, http_sink, smtp_sink


@pytest.fixture
def sink(settings: Settings) -> Iterator[HttpSink]:
    settings.ALLOW_PRIVATE_ADDRESSES = True
    with http_sink() as sink:
        yield sink


@pytest.fixture
def smtp(settings: Settings) -> Iterator[SmtpSink]:
    with smtp_sink() as sink:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_TIMEOUT = 5
        yield sink


@pytest.fixture
def notifier() -> Notifier:
    """Return a notifier that takes its turns when the test says so."""
    return Notifier("here", workers=4)
