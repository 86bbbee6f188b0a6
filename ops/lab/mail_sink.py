"""Take every mail and keep each as a file: what the fleet sends to people ends here.

Runs on the lab's world, on Debian's own Python and python3-aiosmtpd: mail_sink.py FOLDER PORT
"""

import asyncio
import itertools
import os
import socket
import sys
import time
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Keeps messages in a folder, in the order in which they came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    async def handle_DATA(  # noqa: N802 (aiosmtpd's name)
        self, _server: SMTP, _session: Session, envelope: Envelope
    ) -> str:
        """Keep one message, with the addresses that the envelope named before it."""
        who = ", ".join(envelope.rcpt_tos)
        about = f"X-From: {envelope.mail_from}\r\nX-To: {who}\r\n".encode()
        name = f"{time.time_ns()}-{next(self._numbers)}.eml"
        # Whole or not there: who looks on meanwhile reads no half of it.
        beside = self._folder / f".{name}"
        beside.write_bytes(about + (envelope.original_content or b""))
        beside.rename(self._folder / name)
        return "250 kept"


async def serve(folder: Path, port: int) -> None:
    """Serve on all addresses of both families until we are ended."""
    folder.mkdir(parents=True, exist_ok=True)
    loop = asyncio.get_running_loop()
    sink = Sink(folder)
    server = await loop.create_server(lambda: SMTP(sink, enable_SMTPUTF8=True), None, port)
    tell_systemd()
    await server.serve_forever()


def tell_systemd() -> None:
    """Say that we listen."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2])))
