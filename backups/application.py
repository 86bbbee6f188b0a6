"""The application on a restored database, as a stranger to it: its manage.py and its pages.

It gets a data directory of its own, so it neither reads nor touches the one of this machine.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from backups.errors import NotVerified

SITE = "http://localhost"
_TIMEOUT_SECONDS = 600
_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TZ", "VIRTUAL_ENV", "HOME", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Application:
    """A release in the working directory. `manage` is its manage.py; none: this Python's.

    `data` is its data directory, with stillhere.sqlite3 in it unless `database_url` is
    that of a PostgreSQL.
    """

    data: Path
    database_url: str = ""
    manage: Sequence[str] = ()

    @property
    def environment(self) -> dict[str, str]:
        """Return all that its processes know."""
        ours = {name: os.environ[name] for name in _KEPT if name in os.environ}
        return ours | {
            "DATABASE_URL": self.database_url,
            "STILLHERE_DATA_DIR": str(self.data),
            "SITE_ROOT": SITE,
        }

    def command(self, *words: str, given: str = "") -> str:
        """Run one of its commands, and return what it prints. NotVerified when it fails."""
        done = self._done(words, given)
        if done.returncode:
            raise NotVerified(f"manage.py {words[0]} failed: {_end(done.stderr or done.stdout)}")
        return done.stdout

    def has_all_migrations(self) -> bool:
        """Return whether this release needs no migration of that database."""
        done = self._done(["migrate", "--check"], "")
        if done.returncode not in (0, 1) or "Traceback" in done.stderr:
            raise NotVerified(f"manage.py migrate --check failed: {_end(done.stderr)}")
        return done.returncode == 0

    def _done(self, words: Sequence[str], given: str) -> subprocess.CompletedProcess[str]:
        manage = list(self.manage) or [sys.executable, "manage.py"]
        try:
            return subprocess.run(
                [*manage, *words],
                input=given,
                capture_output=True,
                text=True,
                env=self.environment,
                timeout=_TIMEOUT_SECONDS,
                check=False,
            )
        except OSError as error:
            raise NotVerified(f"{manage[0]} cannot be run: {error.strerror}.") from None
        except subprocess.TimeoutExpired:
            words_said = f"manage.py {words[0]} has not ended within {_TIMEOUT_SECONDS} s."
            raise NotVerified(words_said) from None


def database_url(folder: Path, port: int, user: str, name: str) -> str:
    """Return the DATABASE_URL of a server that listens on a Unix socket in that folder."""
    where = f"host={quote(str(folder), safe='')}&port={port}"
    return f"postgresql://{user}@/{quote(name, safe='')}?{where}"


def _end(text: str) -> str:
    return " / ".join(text.strip().splitlines()[-3:])[-600:]
