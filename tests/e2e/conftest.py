"""What end-to-end tests may ask for."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import Service, new_service
from tests.e2e.sinks import HttpSink, SmtpSink, http_sink, smtp_sink


@pytest.fixture
def webhooks() -> Iterator[HttpSink]:
    """Run an HTTP server at the other end of webhooks."""
    with http_sink() as sink:
        yield sink


@pytest.fixture
def mail() -> Iterator[SmtpSink]:
    """Run an SMTP server."""
    with smtp_sink() as sink:
        yield sink


@pytest.fixture
def service(tmp_path: Path, mail: SmtpSink) -> Iterator[Service]:
    """Start the whole service, sending mail to `mail`."""
    smtp = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(mail.port), "EMAIL_USE_TLS": "0"}
    with new_service(tmp_path, **smtp) as service:
        service.start()
        yield service
