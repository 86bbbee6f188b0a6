"""Stands in for the application on a host of the lab: echo.py PORT...

Says what reached it, as JSON. Runs on the host's own Python and needs nothing of ours.

    /-/...          200, or 503 when the file SICK names the port or the path
    .../vanish      no answer: the connection is closed
    .../slow        an answer after a second
"""

import json
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path("/run/echo")
SICK, TAKEN = FOLDER / "sick", FOLDER / "taken"


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        port = self.connection.getsockname()[1]
        status = 200
        if self.path.startswith("/-/"):
            sick = SICK.read_text().split() if SICK.exists() else []
            status = 503 if {str(port), self.path} & set(sick) else 200
        else:
            with TAKEN.open("a") as file:
                file.write(f"{self.command} {self.path}\n")
        if self.path.endswith("/vanish"):
            self.close_connection = True
            return
        if self.path.endswith("/slow"):
            time.sleep(1)
        said = {
            "host": socket.gethostname(),
            "port": port,
            "path": self.path,
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": body.decode("latin-1"),
        }
        text = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_HEAD = do_POST = do_PUT = answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    request_queue_size = 512


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    servers = [Server(("0.0.0.0", int(port)), Echo) for port in sys.argv[1:]]  # noqa: S104
    threads = [threading.Thread(target=server.serve_forever) for server in servers]
    for thread in threads:
        thread.start()
