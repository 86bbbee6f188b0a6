"""Who changed what, when: a line on the host (journald) and one here (JSON lines)."""

import getpass
import json
import os
import socket
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

_lock = threading.Lock()


def operator() -> str:
    """Return who is at work: person@machine."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


class Audit:
    """The lines of one command."""

    def __init__(self, fleet: str, why: str, environment: Mapping[str, str] = os.environ) -> None:
        self._fleet, self._why, self._who = fleet, why, operator()
        self._path = _path(environment)

    def line(self, words: str) -> str:
        """Return what the host's journal keeps."""
        return f"operator={self._who} why={self._why!r} did={words!r}"

    def keep(self, host: str, outcome: str, words: str) -> None:
        """Append to the operator's own log. Secrets are never in `words`."""
        entry = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "who": self._who,
            "fleet": self._fleet,
            "host": host,
            "why": self._why,
            "outcome": outcome,
            "what": words,
        }
        with _lock, self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def _path(environment: Mapping[str, str]) -> Path:
    state = environment.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    folder = Path(state) / "stillhere"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / "audit.jsonl"
