"""Is our primary still the primary? Asked beside the work, because a dead host takes its time.

An old primary that nobody has fenced goes on answering those who are connected to it.
"""

import threading

import psycopg2

from app.postgresql import hosts
from app.postgresql.servers import Server

LOOK_SECONDS = 5.0


class Lookout:
    """Asks every host again and again, until a later primary is there. One thread."""

    def __init__(self, params: hosts.Params, server: Server, seconds: float = LOOK_SECONDS) -> None:
        self._params, self._server, self._seconds = params, server, seconds
        self._is_over = threading.Event()
        self.later: Server | None = None
        if len(hosts.single_hosts(params)) > 1:
            threading.Thread(target=self._look, name="lookout", daemon=True).start()

    def close(self) -> None:
        """Ask no more."""
        self._is_over.set()

    def _look(self) -> None:
        while not self._is_over.wait(self._seconds):
            try:
                found = hosts.survey(self._params)
            except psycopg2.Error:
                continue
            later = [server for server in found if self._supersedes(server)]
            if later:
                self.later = max(later, key=lambda server: server.timeline)
                return

    def _supersedes(self, other: Server) -> bool:
        is_later = other.timeline > self._server.timeline
        return other.is_writable and other.system == self._server.system and is_later
