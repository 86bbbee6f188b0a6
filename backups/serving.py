"""Let the application serve a page of what was restored, to somebody who is signed in."""

import contextlib
import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from backups.application import SITE, Application
from backups.errors import NotVerified

_START_SECONDS = 120
_ANSWER_SECONDS = 60
_MOST_REDIRECTS = 5
_WSGI = "app.wsgi:application"

# Django's own words: whoever the newest user is, he is signed in on the copy.
_SIGN_IN = """
from importlib import import_module
from django.conf import settings
from django.contrib import auth
user = auth.get_user_model().objects.filter(is_active=True).order_by("-pk").first()
if user is not None:
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session[auth.SESSION_KEY] = str(user.pk)
    session[auth.BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[auth.HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.create()
    print("cookie", settings.SESSION_COOKIE_NAME + "=" + session.session_key)
"""


def page(application: Application, folder: Path) -> str:
    """Return the path of the page that was served. NotVerified when none is.

    `folder` is where the socket is made. Without any user the page is the one to sign in.
    """
    cookie = _cookie(application)
    with _running(application, folder) as address:
        path = "/"
        for _ in range(_MOST_REDIRECTS):
            status, location, body = _get(address, path, cookie)
            if status not in (301, 302, 303, 307, 308):
                break
            path = urlsplit(location).path
        if status != 200 or b"</html>" not in body:
            raise NotVerified(f"The application answers {status} to GET {path}.")
        if cookie and path.startswith("/sign-in"):
            raise NotVerified("The application does not know its own newest user.")
    return path


def _cookie(application: Application) -> str:
    said = application.command("shell", "--no-imports", given=_SIGN_IN)
    lines = [line.split(" ", 1)[1] for line in said.splitlines() if line.startswith("cookie ")]
    return lines[-1] if lines else ""


@contextlib.contextmanager
def _running(application: Application, folder: Path) -> Iterator[Path]:
    """Run gunicorn, and give the socket at which it answers."""
    address, log = folder / "pages.sock", folder / "pages.log"
    command = [sys.executable, "-m", "gunicorn", "--bind", f"unix:{address}", "--workers", "1"]
    command += ["--timeout", str(_ANSWER_SECONDS), "--worker-tmp-dir", str(folder)]
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "--no-control-socket", _WSGI],
            stdin=subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            env=application.environment,
        )
    try:
        _wait(process, address, log)
        yield address
    finally:
        process.terminate()
        try:
            process.wait(_ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], address: Path, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), _connected(address):
            return
        time.sleep(0.05)
    words = " / ".join(log.read_text("utf-8", "replace").splitlines()[-3:])
    raise NotVerified(f"The application does not start: {words}")


def _get(address: Path, path: str, cookie: str) -> tuple[int, str, bytes]:
    """Return status, Location and body of a page."""
    connection = http.client.HTTPConnection(urlsplit(SITE).netloc, timeout=_ANSWER_SECONDS)
    try:
        connection.sock = _connected(address)
        connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
        answer = connection.getresponse()
        return answer.status, answer.getheader("Location", ""), answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotVerified(f"The application does not answer: {error}") from None
    finally:
        connection.close()


def _connected(address: Path) -> socket.socket:
    raw = socket.socket(socket.AF_UNIX)
    try:
        raw.settimeout(_ANSWER_SECONDS)
        raw.connect(str(address))
    except OSError:
        raw.close()
        raise
    return raw
