"""A receiver as a process, without a drain and a database (app/pings/receiver.py)."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from uuid import UUID

import pytest

from app.pings.directory import Changes
from app.pings.journal import segments
from tests.e2e.service import wait_for
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
CODE = UUID(int=5)
# Started with few files: `python -c ... <limit>`.
_LIMITED = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[1]),) * 2)
runpy.run_module("app.pings.receiver", run_name="__main__")
"""
PING = f"GET /ping/{CODE} HTTP/1.1\r\nConnection: close\r\n\r\n".encode()


class Alone:
    """One receiver, started with a limit of open files, that knows one check."""

    def __init__(self, data_dir: Path, files: int) -> None:
        self.data_dir, self.port = data_dir, free_port()
        self.journal = data_dir / "journal" / "0"
        self.journal.mkdir(parents=True, exist_ok=True)
        known = Changes(1, [(CODE.bytes, 1, "")], is_whole=True)
        (self.journal / "directory").write_bytes(known.packed())
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment |= {"STILLHERE_DATA_DIR": str(data_dir), "PORT": str(self.port)}
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LIMITED, str(files)],
            cwd=ROOT,
            env=environment | {"SEGMENT_BYTES": "4096", "HOST": "127.0.0.1"},
            stderr=subprocess.PIPE,
        )

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ping(self) -> bytes:
        with self.connect() as client:
            client.sendall(PING)
            return b"".join(iter(lambda: client.recv(65536), b""))

    def answers(self) -> bool:
        try:
            return self.ping().endswith(b"OK")
        except OSError:
            return False


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Alone]:
    receiver = Alone(tmp_path, files=160)
    wait_for(receiver.answers, "the receiver to answer")
    yield receiver
    receiver.process.kill()
    receiver.process.communicate()


def test_clients_that_hang_keep_no_ping_out_and_no_file_from_the_journal(alone: Alone) -> None:
    halves = [b"", b"GET /ping/", PING[:-2], f"POST /ping/{CODE} HTTP/1.1\r\n".encode()]
    halves.append(b"POST /ping/x HTTP/1.1\r\nContent-Length: 50000\r\n\r\nxyz")
    with ExitStack() as hanging:
        for number in range(400):
            client = hanging.enter_context(closing(alone.connect()))
            client.sendall(halves[number % len(halves)])
            if number % 4 == 0:
                assert alone.ping().endswith(b"OK")
        before = len(segments(alone.journal))
        assert [alone.ping()[-2:] for _ in range(100)] == [b"OK"] * 100
        assert len(segments(alone.journal)) > before


def test_a_client_that_is_served_is_not_closed_for_those_that_hang(alone: Alone) -> None:
    with ExitStack() as stack:
        served = stack.enter_context(closing(alone.connect()))
        for _ in range(300):
            stack.enter_context(closing(alone.connect()))
            served.sendall(f"GET /ping/{CODE} HTTP/1.1\r\n\r\n".encode())
            assert served.recv(65536).endswith(b"OK")


def test_a_second_receiver_on_a_slot_is_refused_with_the_reason(alone: Alone) -> None:
    second = Alone(alone.data_dir, files=160)
    _, said = second.process.communicate(timeout=30)
    assert second.process.returncode != 0
    assert b"receiver cannot run: another receiver writes to slot 0" in said
    assert b"Give each receiver a slot of its own." in said
    assert alone.answers()
