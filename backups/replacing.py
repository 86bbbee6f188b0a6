"""Give a restored PostgreSQL database the name of the one that it replaces, in one step.

    NAME_restoring       what is being restored; what a cut has left of it is dropped
    NAME                 the database; until the last step it is untouched
    NAME_before_ID       what it was before

Both renames are in one transaction: cut anywhere, the one or the other has the name.
"""

import contextlib
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2 import errors, sql

from backups.connections import database_of, into
from backups.errors import Busy, ClusterError, RestoreRefused
from backups.load import connected

_TRIES = 10
_END_EVERY_SECONDS = 0.1
_END_SESSIONS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname IN (%s, %s) AND pid <> pg_backend_pid()"
)
_LOCK = "hashtext('stillhere: restore')"  # of the database postgres, as long as we are connected


@dataclass(frozen=True, slots=True)
class Before:
    """The database that has the name now; `tables` are ours, not the catalogue's."""

    owner: str
    encoding: str
    collate: str
    ctype: str
    tables: int
    size_bytes: int


@dataclass(slots=True)
class Replacing:
    """One restore into the database that `conninfo` names."""

    conninfo: str
    connection: Any  # to the database postgres, autocommit

    @property
    def name(self) -> str:
        """Return the name that is taken in the end."""
        return database_of(self.conninfo)

    @property
    def restoring(self) -> str:
        """Return the name until then."""
        return f"{self.name}_restoring"

    @property
    def restoring_conninfo(self) -> str:
        """Return how to connect to what is being restored."""
        return into(self.conninfo, self.restoring)

    def before(self) -> Before | None:
        """Return what has the name now; None when there is nothing."""
        found = self._ask(
            "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype,"
            " pg_database_size(oid) FROM pg_database WHERE datname = %s",
            self.name,
        )
        if not found:
            return None
        owner, encoding, collate, ctype, size = found[0]
        return Before(owner, encoding, collate, ctype, self._tables(self.name), size)

    def data_directory(self) -> Path | None:
        """Return the folder of the server's files; None when it is not here, or not for us."""
        host = self.connection.info.host  # a folder when it is by a Unix socket
        if host and not host.startswith("/"):
            return None
        ((folder,),) = self._ask("SHOW data_directory")
        return Path(folder) if os.access(folder, os.X_OK) else None

    def make(self, before: Before | None) -> None:
        """Make the database to restore into, like the one before; drop what a cut has left."""
        self.drop()
        restoring = sql.Identifier(self.restoring)
        make = sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(restoring)
        if before is not None:
            like = (before.encoding, before.collate, before.ctype)
            make += sql.SQL(" OWNER {} ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
                sql.Identifier(before.owner), *map(sql.Literal, like)
            )
        self._do(make)
        self._do(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(restoring))
        for grant in self._grants() if before is not None else ():
            self._do(sql.SQL(grant).format(restoring))

    def drop(self) -> None:
        """Drop what is, or was, being restored, whoever is connected to it."""
        restoring = sql.Identifier(self.restoring)
        self._do(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(restoring))

    def take_name(self, before: Before | None, backup: str) -> str | None:
        """Let the restored database have the name; return the name that the old one has now.

        Sessions of both end. An old one without tables is not kept.
        """
        kept = self._free_name(backup) if before is not None else None
        for _ in range(_TRIES):
            with contextlib.suppress(errors.ObjectInUse), self._ending_sessions():
                self._rename(kept)
                break
        else:
            raise ClusterError(f"{self.name} is connected to again and again; stop who does that.")
        # Loading takes hours: who was empty before may have got tables meanwhile.
        if kept is None or self._tables(kept):
            return kept
        self._do(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(kept)))
        return None

    def _tables(self, name: str) -> int:
        with connected(into(self.conninfo, name)) as there, there.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'p')"
                " AND relnamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')"
                " AND relpersistence <> 't'"
            )
            return int(cursor.fetchone()[0])

    def _rename(self, kept: str | None) -> None:
        steps = [(self.name, kept)] if kept else []
        rename = sql.SQL("ALTER DATABASE {} RENAME TO {}")
        with self.connection.cursor() as cursor:
            cursor.execute("BEGIN")
            try:
                for old, new in [*steps, (self.restoring, self.name)]:
                    cursor.execute(rename.format(sql.Identifier(old), sql.Identifier(new)))
            except psycopg2.Error:
                cursor.execute("ROLLBACK")
                raise
            cursor.execute("COMMIT")

    @contextlib.contextmanager
    def _ending_sessions(self) -> Iterator[None]:
        """End sessions of both databases all the while, over a line of its own.

        A rename lets nobody in any more, and then waits 5 s for those inside to go. Ended
        before it, an application that connects again at once would always be inside.
        """
        is_over = threading.Event()

        def end() -> None:
            with (
                contextlib.suppress(psycopg2.Error),  # then the rename says that they are there
                connected(into(self.conninfo, "postgres")) as line,
                line.cursor() as cursor,
            ):
                while not is_over.wait(_END_EVERY_SECONDS):
                    cursor.execute(_END_SESSIONS, (self.name, self.restoring))

        thread = threading.Thread(target=end, name="end sessions")
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _free_name(self, backup: str) -> str:
        """Return a name for the old one that nobody has: a backup may be restored twice."""
        taken = {name for (name,) in self._ask("SELECT datname FROM pg_database")}
        name, count = f"{self.name}_before_{backup}", 1
        while name in taken:
            count += 1
            name = f"{self.name}_before_{backup}_{count}"
        return name

    def _grants(self) -> Iterator[str]:
        """Give who may do what in the old database, as statements with a place for a name."""
        rights = self._ask(
            "SELECT CASE grantee WHEN 0 THEN 'PUBLIC'"
            " ELSE quote_ident(pg_get_userbyid(grantee)) END, privilege_type, is_grantable"
            " FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))"
            " WHERE datname = %s AND grantee <> datdba",
            self.name,
        )
        for who, right, is_grantable in rights:
            option = " WITH GRANT OPTION" if is_grantable else ""
            yield f"GRANT {right} ON DATABASE {{}} TO {who}{option}"

    def _ask(self, question: str, *values: object) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(question, values or None)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def _do(self, statement: sql.Composable) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)


@contextlib.contextmanager
def replacing(conninfo: str) -> Iterator[Replacing]:
    """Begin on the server that takes writes. Busy while somebody else restores there.

    ClusterError when it cannot be reached or says no, RestoreRefused on a standby.
    """
    database_of(conninfo)  # says what is wrong with it, before anybody connects
    try:
        with connected(into(conninfo, "postgres")) as connection, connection.cursor() as cursor:
            cursor.execute(f"SELECT pg_is_in_recovery(), pg_try_advisory_lock({_LOCK})")
            is_standby, is_ours = cursor.fetchone()
            if is_standby:
                raise RestoreRefused("This server is a standby: restore on the primary.")
            if not is_ours:
                raise Busy("Somebody else restores into a database of this server just now.")
            yield Replacing(conninfo, connection)
    except psycopg2.Error as error:
        raise ClusterError(f"PostgreSQL says: {str(error).strip()}") from None
