"""Answer 200 to every request and keep each as a line of JSON: webhooks of the fleet end here.

Runs on the lab's world, on Debian's own Python: http_sink.py FILE PORT
"""

import json
import os
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Sink(ThreadingHTTPServer):
    """Listens on all addresses of both families; keeps requests in a file."""

    address_family = socket.AF_INET6
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, file: Path, port: int) -> None:
        self.file, self.lock = file, threading.Lock()
        super().__init__(("::", port), Request)

    def server_bind(self) -> None:
        """Take the port for IPv4, too, whatever the kernel's default is."""
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


class Request(BaseHTTPRequestHandler):
    """One connection."""

    server: Sink
    protocol_version = "HTTP/1.1"
    timeout = 60

    def keep(self) -> None:
        """Write the request down, then answer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        line = {
            "at": time.time(),
            "from": self.client_address[0].removeprefix("::ffff:"),
            "method": self.command,
            "path": self.path,
            "headers": dict(self.headers.items()),
            "body": body.decode("utf-8", "replace"),
        }
        with self.server.lock, self.server.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = keep  # noqa: N815 (http.server's)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (http.server's)
        """Say nothing: the file says it."""


def tell_systemd() -> None:
    """Say that we listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


if __name__ == "__main__":
    place = Path(sys.argv[1])
    place.parent.mkdir(parents=True, exist_ok=True)
    with Sink(place, int(sys.argv[2])) as sink:
        tell_systemd()
        sink.serve_forever()
