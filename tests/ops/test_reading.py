"""Sessions that break and are opened again, with hosts that answer as told."""

from pathlib import Path
from typing import Any

import pytest

from ops import reading
from ops.errors import Locked
from ops.reading import sessions_with
from provisioning.fleet import Fleet, Host, Role

HOST = Host("app1", Role.APP_SERVER, "dc", "10.0.0.1", "::1", "")
FLEET = Fleet("f", "site", "pings", (HOST,), (), Path("f.toml"))
HOLD = ("ada@here", "fab deploy 0123456789ab")
OURS, THEIRS = (f"{who} since 03:00:00 UTC: {HOLD[1]}" for who in ("ada@here", "bob@there"))


class Fake:
    """A session; `held_by` is what the next hosts say when they are asked for the lock."""

    held_by: list[str]

    def __init__(self, _fleet: Fleet, host: Host) -> None:
        self.host, self.is_open = host, True

    def ask(self, what: str, **_: Any) -> dict[str, Any]:
        assert what == "lock"
        return {"held_by": self.held_by.pop(0)} if self.held_by else {}

    def close(self) -> None:
        self.is_open = False


@pytest.fixture(autouse=True)
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "Session", Fake)
    monkeypatch.setattr(reading, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(Fake, "held_by", [], raising=False)


def test_one_that_broke_is_opened_again_and_holds_its_host() -> None:
    with sessions_with(FLEET, HOLD) as sessions:
        first = sessions.of(HOST)
        assert sessions.of(HOST) is first
        first.close()
        Fake.held_by = [OURS, OURS]  # the host has not noticed yet
        second = sessions.of(HOST)
        assert second is not first
        assert second.is_open
        assert Fake.held_by == []
        assert sessions.of(HOST) is second


def test_another_operators_host_is_not_waited_for() -> None:
    with sessions_with(FLEET, HOLD) as sessions:
        sessions.of(HOST).close()
        Fake.held_by = [THEIRS]
        with pytest.raises(Locked, match="bob@there"):
            sessions.of(HOST)


def test_who_types_a_command_twice_is_told_at_once() -> None:
    Fake.held_by = [OURS]
    with sessions_with(FLEET, HOLD) as sessions:
        with pytest.raises(Locked):
            sessions.of(HOST)
        assert sessions.of(HOST).is_open  # and what did not hold it was not kept
