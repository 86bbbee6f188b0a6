"""Pings come together between two batches (app/pings/gathering.py)."""

import socket
import time
from collections.abc import Iterator

import pytest

from app.pings import gathering
from app.pings.gathering import Gathering


class Steps:
    """So many steps of work; the last one wakes whoever waits."""

    def __init__(self, steps: int, waker: socket.socket) -> None:
        self.steps, self._waker = steps, waker

    @property
    def has_work(self) -> bool:
        return self.steps > 0

    def work(self, *, is_idle: bool) -> None:  # noqa: ARG002
        self.steps -= 1
        if not self.steps:
            self._waker.send(b"!")


@pytest.fixture
def wakers() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def test_the_first_ping_after_a_calm_waits_for_nobody(
    wakers: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SECONDS", 600.0)
    work = Steps(1, wakers[1])
    Gathering().wait(wakers[0], work)
    assert work.has_work


def test_behind_a_batch_time_passes(wakers: tuple[socket.socket, socket.socket]) -> None:
    one, begin = Gathering(), time.monotonic()
    one.begin()
    one.wait(wakers[0], Steps(0, wakers[1]))
    one.wait(None, Steps(0, wakers[1]))
    assert time.monotonic() - begin >= gathering.SECONDS
    assert gathering.SECONDS <= 0.1  # whoever waits for a verdict waits so much longer


def test_whoever_wants_an_answer_ends_the_wait_and_work_is_done_meanwhile(
    wakers: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "SECONDS", 600.0)
    one, work = Gathering(), Steps(3, wakers[1])
    one.begin()
    one.wait(wakers[0], work)
    assert not work.has_work
