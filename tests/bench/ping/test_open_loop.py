"""The load at a rate: what is sent is counted, and a stall is seen as it is met."""

import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.bench.ping.open_loop import Client, at, whole_status

STALL_SECONDS = 0.5


class _Answers(BaseHTTPRequestHandler):
    """Answers /stall after a while, /refused with 400, everything else at once."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        if self.path == "/stall":
            time.sleep(STALL_SECONDS)
        self.send_response(400 if self.path == "/refused" else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"OK")

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_an_answer_is_whole_when_its_body_is() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\n"
    assert [whole_status(data) for data in (head, head + b"\r\n", head + b"\r\nO")] == [None] * 3
    assert whole_status(head + b"\r\nOK") == 200
    assert whole_status(b"HTTP/1.1 503 Busy\r\n\r\n") == 503


def test_every_request_is_counted_by_what_was_answered(port: int) -> None:
    client = Client(port, ["/a", "/refused"])
    client.run(100, 0.5, random.Random(1))
    found = client.counted.by_status
    assert found.keys() == {"200", "400"}
    assert abs(found["200"] - found["400"]) <= 1
    assert 20 < found.total() == len(client.counted.seconds) < 100


def test_what_is_due_goes_out_while_others_wait(port: int) -> None:
    """With one connection, or counted from the sending, most would have no stall to see."""
    client = Client(port, ["/stall"])
    client.run(50, 0.5, random.Random(1))
    assert client.counted.by_status.total() > 10
    assert min(client.counted.seconds) >= STALL_SECONDS
    assert max(client.counted.late) < STALL_SECONDS * 10


def test_quantiles() -> None:
    assert (at([], 0.5), at([1, 2, 3], 0.5), at([1, 2, 3], 0.99), at([1], 0.99)) == (0, 2, 2, 1)
