"""A person who is signed in at a server's pages: this is where end-to-end tests look and send."""

import html
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlencode

from tests.app.pages.world import form_of_check
from tests.e2e.ping_server import PingServer

_MAKE = """
from app.accounts.founding import found
from app.accounts.models import User
from tests.app.pages.world import client_of
user = User.objects.create_user("ada@example.org", "correct horse battery")
project = found(user, "Jobs")
result = [str(project.code), client_of(user).cookies["sessionid"].value]
"""
# What a browser would have been given with a form, as cookie and as field.
_TOKEN = 32 * "t"


@dataclass(frozen=True, slots=True)
class Seen:
    """An answer; status 0 when there was none."""

    status: int
    text: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def fields(self) -> dict[str, str]:
        """Return what is in the page's form out of sight."""
        found = re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', self.text)
        return {name: html.unescape(value) for name, value in found}


@dataclass(slots=True)
class Visitor:
    """A browser of somebody who is signed in, without script."""

    server: PingServer
    project: str
    session: str
    answers: list[int] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @classmethod
    def at(cls, server: PingServer) -> "Visitor":
        """Make the person and a project of theirs."""
        return cls(server, *server.evaluate(_MAKE))

    @property
    def checks(self) -> str:
        """Return where the project's list of checks is."""
        return f"/projects/{self.project}/checks/"

    def get(self, path: str) -> Seen:
        """Look at a page."""
        return self._ask("GET", path)

    def add_check(self, name: str) -> Seen:
        """Send the form of a new check; 302 when it is saved."""
        return self.send(f"{self.checks}add/", form_of_check(name=name))

    def send(self, path: str, fields: dict[str, object]) -> Seen:
        """Send a form."""
        return self._ask("POST", path, urlencode({**fields, "csrfmiddlewaretoken": _TOKEN}))

    def begin(self) -> None:
        """Look at the list again and again, from as many threads as the pages have."""
        for _ in range(8):
            self._threads.append(threading.Thread(target=self._look, daemon=True))
            self._threads[-1].start()

    def end(self) -> Counter[int]:
        """Look no more; return how often each status was answered."""
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        return Counter(self.answers)

    def _look(self) -> None:
        while not self._stop.is_set():
            self.answers.append(self.get(self.checks).status)
            time.sleep(0.02)

    def _ask(self, method: str, path: str, body: str = "") -> Seen:
        client = HTTPConnection("127.0.0.1", self.server.port, timeout=90)
        headers = {"Cookie": f"sessionid={self.session}; csrftoken={_TOKEN}", "Host": "localhost"}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            client.request(method, path, body or None, headers)
            answer = client.getresponse()
            return Seen(answer.status, answer.read().decode(), dict(answer.getheaders()))
        except (OSError, HTTPException):
            return Seen(0)
        finally:
            client.close()
