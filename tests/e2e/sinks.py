"""Real servers at the other end: this is where mail and webhooks of tests arrive."""

import email
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.ports import free_port


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook, with the time of its arrival (time.time)."""

    at: float
    method: str
    path: str
    body: str


@dataclass(slots=True)
class HttpSink:
    """What an HTTP server received."""

    port: int = 0
    received: list[Received] = field(default_factory=list)

    def url(self, path: str) -> str:
        """Return an address at the sink."""
        return f"http://127.0.0.1:{self.port}{path}"

    def paths(self) -> list[str]:
        """Return the paths that were asked for, in order."""
        return [one.path for one in self.received]


# No slots: aiosmtpd looks at every member, and Python 3.11.2 fails on __weakref__ then.
@dataclass
class SmtpSink:
    """What an SMTP server received."""

    port: int
    received: list[EmailMessage] = field(default_factory=list)

    def subjects(self) -> list[str]:
        """Return the subjects in the order of arrival."""
        return [str(message["Subject"]) for message in self.received]

    async def handle_DATA(  # noqa: N802 (the name is aiosmtpd's)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Take a message."""
        content = envelope.content
        raw = content if isinstance(content, bytes) else str(content).encode()
        message = email.message_from_bytes(raw, policy=default)
        self.received.append(message)
        return "250 OK"


@contextmanager
def http_sink() -> Iterator[HttpSink]:
    """Run an HTTP server that says 200 to everything."""
    sink = HttpSink()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            sink.received.append(Received(time.time(), self.command, self.path, body.decode()))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def do_PUT(self) -> None:
            self.do_GET()

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        sink.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield sink
        server.shutdown()
        thread.join()


@contextmanager
def smtp_sink() -> Iterator[SmtpSink]:
    """Run an SMTP server that takes everything."""
    sink = SmtpSink(free_port())
    controller = Controller(sink, hostname="127.0.0.1", port=sink.port)
    controller.start()
    try:
        yield sink
    finally:
        controller.stop()
