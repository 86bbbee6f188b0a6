"""Django's backend for PostgreSQL, with our connecting and waiting (settings.DATABASES).

A connection knows its `server`: a timeline does not change while one is connected.
"""

from typing import Any

import psycopg2
from django.conf import settings
from django.db.backends.postgresql import base
from django.db.backends.postgresql.psycopg_any import IsolationLevel
from psycopg2 import extensions, extras

from app.postgresql import answers, hosts
from app.postgresql.lookout import Lookout
from app.postgresql.servers import NoServer, Seen, Server, remembered, seen_path

# For every connection of the process, also to one that psycopg2 is given directly.
extensions.set_wait_callback(answers.wait)


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection."""

    # A worker keeps one connection for long, and repeats itself after a crash: it asks every
    # host at each connect, and its commits do not wait for a standby (see `as_worker`).
    is_worker = False
    takes_any = False  # also a database that is not the one written to before
    server: Server | None = None
    _has_failed = False  # the connection to `server`: it broke, or was not usable any more
    _lookout: Lookout | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect to the one of the hosts that is our primary."""
        # In place of Django's own: the same but for the choice. It wants to know the
        # isolation level, and reads JSON itself.
        self.isolation_level = IsolationLevel.READ_COMMITTED
        # An old primary that is fenced answers nobody: whom it has failed asks it last, and who
        # has found the new one goes there first.
        known = self.server.host if self.server else ""
        order = hosts.Order(last=known) if self._has_failed else hosts.Order(first=known)
        seen, is_worker = self.seen(), self.is_worker
        raw, self.server = hosts.connect(conn_params, seen, ask_all=is_worker, order=order)
        self._has_failed = False
        extras.register_default_jsonb(conn_or_curs=raw, loads=lambda text: text)
        if self.is_worker:
            self._lookout = Lookout(conn_params, self.server)
        return raw

    def is_usable(self) -> bool:
        """Return True when the server still answers, takes writes and is no old primary.

        Django asks at a request's first statement, of a connection that was kept. Its own
        question, SELECT 1, is answered by a server that was demoted meanwhile, too.
        """
        if self.connection is None or self.server is None:
            return False
        is_usable = self._still_writes(self.server)
        self._has_failed = not is_usable
        return is_usable

    def _still_writes(self, server: Server) -> bool:
        seen = self.seen()
        if seen is not None and not seen.allows(server):
            return False
        params = self.get_connection_params()
        try:
            with answers.within(hosts.connect_seconds(params)), self.connection.cursor() as cursor:
                cursor.execute("SHOW transaction_read_only")
                (is_read_only,) = cursor.fetchone()
        except psycopg2.Error:
            return False
        return is_read_only == "off" or not hosts.must_write(params)

    def check_primary(self) -> None:
        """Raise NoServer when a later primary is there than the one we are connected to."""
        later = self._lookout.later if self._lookout else None
        if later is not None:
            raise NoServer(f"{later.host} is the primary now, on timeline {later.timeline}")

    def close(self) -> None:
        """Close the connection, and look out no more."""
        if self.connection is not None and self.connection.closed:
            self._has_failed = True
        if self._lookout is not None:
            self._lookout.close()
            self._lookout = None
        super().close()

    def init_connection_state(self) -> None:
        """Set the session up."""
        super().init_connection_state()
        if self.is_worker:
            with self.connection.cursor() as cursor:
                cursor.execute("SET synchronous_commit TO local")

    def seen(self) -> Seen | None:
        """Return which database this machine has written to, when that decides."""
        return None if self.takes_any else remembered(seen_path(settings.DATA_DIR))
