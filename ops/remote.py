"""A session with a host: SSH with a pinned key, and the agent at the other end of it."""

import base64
import json
import logging
import os
import shlex
import socket
import time
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from typing import Any, BinaryIO

import paramiko
from fabric import Config, Connection

from ops.errors import ChangeFailed, HostError, Unreachable, WrongHostKey
from provisioning.fleet import Fleet, Host

CONNECT_SECONDS = 10
SESSION_SECONDS = 30  # logind has a hand in it, and may need 25 s on a host that is busy
KEEPALIVE_SECONDS = 15
SILENCE_SECONDS = 30  # a host that acknowledges nothing for so long is gone
PAUSE_SECONDS = 0.5
ANSWER_SECONDS = 960  # longer than anything the agent waits for itself
POUR_SECONDS = 60  # for a piece: a host that takes none for so long is gone
PIECE_BYTES = 1 << 18
NO_SUCH_COMMAND = 127  # what a shell ends with
# In this order: what one needs comes before it.
MODULES = (
    "commands", "seeing", "guarding", "changing", "balancing", "probing", "clusters", "releasing",
    "deploying", "backing_up", "examining", "updating", "failing_over", "proving", "rejoining",
    "serving",
)  # fmt: skip
ON_HOSTS_TOO = "provisioning.programs.certifying"  # which timers there run
# Small enough to be no secret and no length problem; the modules come by stdin.
START = (
    "import sys,json,types\n"
    "for name,text in json.loads(sys.stdin.readline()):\n"
    "    module=sys.modules[name]=types.ModuleType(name)\n"
    "    exec(compile(text,name,'exec'),module.__dict__)\n"
    "sys.modules['ops.agent.serving'].main()"
)


class Session:
    """One SSH connection with an agent. Use it in `with`; at its end the host lets go."""

    def __init__(self, fleet: Fleet, host: Host) -> None:
        self.host = host
        self.patience_seconds = ANSWER_SECONDS
        self.is_open = True
        self._connection = _connect(fleet, host)
        self._channel = self._start()
        self._lines = self._channel.makefile("rb")

    def ask(self, what: str, *, answer_seconds: int | None = None, **values: Any) -> dict[str, Any]:
        """Return the agent's answer. Raises ChangeFailed with what the host said, Unreachable."""
        self._channel.settimeout(answer_seconds or self.patience_seconds)
        try:
            self._channel.sendall(json.dumps({"ask": what, **values}).encode() + b"\n")
            line = self._lines.readline()
        except OSError:
            line = b""
        if not line:
            why = self._why_silent()
            # An answer that is only late would be taken for that of the next question.
            self.close()
            raise Unreachable(f"{self.host.name}: {why} when asked to {what}.")
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError:
            said = line.decode("utf-8", "replace").strip()[:60]
            raise Unreachable(
                f"{self.host.name}: its shell says {said!r} before anything else. "
                "Let its .bashrc print nothing to who is no terminal."
            ) from None
        if not answer.pop("ok"):
            raise ChangeFailed(f"{self.host.name}: {answer['said']}")
        return answer

    def pour(self, file: BinaryIO, path: str, told: Callable[[int], None]) -> None:
        """Write a file on the host as it is read here, piece by piece; `told` how many bytes.

        A line that breaks leaves a part of it there: whoever uses it checks its digest.
        """
        try:
            with self._connection.transport.open_session(timeout=SESSION_SECONDS) as channel:
                channel.settimeout(POUR_SECONDS)
                channel.exec_command(f"umask 077; exec cat > {shlex.quote(path)}")
                while piece := file.read(PIECE_BYTES):
                    channel.sendall(piece)
                    told(len(piece))
                channel.shutdown_write()
                is_written = channel.status_event.wait(POUR_SECONDS) and channel.exit_status == 0
        except (OSError, EOFError, paramiko.SSHException):
            is_written = False
        if not is_written:
            raise Unreachable(f"{self.host.name}: the upload broke off. The line, or a full disk?")

    def close(self) -> None:
        """End the agent and the connection."""
        self.is_open = False
        self._connection.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _why_silent(self) -> str:
        """Return why there was no answer, as far as one can know."""
        ended = self._channel.status_event.wait(3)
        if ended and self._channel.exit_status == NO_SUCH_COMMAND:
            return "has no python3 (install it: apt-get install python3)"
        return "the connection broke"

    def _start(self) -> paramiko.Channel:
        """Send the agent; it answers to `ask` from then on."""
        try:
            channel = self._connection.transport.open_session(timeout=SESSION_SECONDS)
            channel.settimeout(SESSION_SECONDS)
            channel.exec_command(f'exec python3 -uc "{START}"')
            _send_agent(channel)
        except (OSError, EOFError, paramiko.SSHException) as error:
            self._connection.close()
            raise Unreachable(f"{self.host.name}: no session: {error}.") from None
        return channel


def _send_agent(channel: paramiko.Channel) -> None:
    """Send the agent's text; a shell that ended meanwhile is told of when it does not answer."""
    try:
        channel.sendall(_agent())
    except TimeoutError:
        raise
    except OSError:
        # No python3 there: closed before all was sent. Its exit status says why.
        channel.status_event.wait(CONNECT_SECONDS)


def can_connect(fleet: Fleet, host: Host, within_seconds: float = 0) -> bool:
    """Return True as soon as a new connection gets in; False when none did in that time."""
    deadline = time.monotonic() + within_seconds
    while True:
        try:
            _connect(fleet, host).close()
        except HostError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(PAUSE_SECONDS)
        else:
            return True


def _connect(fleet: Fleet, host: Host) -> Connection:
    keys: dict[str, Any] = {"banner_timeout": CONNECT_SECONDS, "auth_timeout": CONNECT_SECONDS}
    if own_key := _own_key(fleet):
        keys |= {"key_filename": own_key, "allow_agent": False, "look_for_keys": False}
    connection = Connection(
        host.address,
        user="root",
        config=Config(lazy=True),
        connect_timeout=CONNECT_SECONDS,
        connect_kwargs=keys,
    )
    kind, _, body = host.host_key.partition(" ")
    connection.client.set_missing_host_key_policy(paramiko.RejectPolicy())
    pinned = paramiko.PKey.from_type_string(kind, base64.b64decode(body))
    connection.client.get_host_keys().add(host.address, kind, pinned)
    try:
        connection.open()
    except (paramiko.BadHostKeyException, paramiko.SSHException, OSError, EOFError) as error:
        connection.close()
        raise _explained(host, error) from None
    connection.transport.set_keepalive(KEEPALIVE_SECONDS)
    # A host that lost its power says no goodbye: else it is waited for a quarter of an hour.
    line = connection.transport.sock
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_SECONDS * 1_000)
    return connection


def _own_key(fleet: Fleet) -> str:
    """Return the key file to use alone; "" means the agent's keys and those in ~/.ssh."""
    of_lab = fleet.path.with_name("id_ed25519")
    named = os.environ.get("STILLHERE_SSH_KEY", "")
    return named or (str(of_lab) if fleet.lab and of_lab.exists() else "")


def _explained(host: Host, error: Exception) -> HostError:
    where = f"{host.name} ({host.address})"
    if isinstance(error, paramiko.BadHostKeyException):
        return WrongHostKey(
            f"{where}: shows a host key that is not the one in the inventory. If the host was "
            "installed anew, put its new key there; else somebody is in between."
        )
    if "No authentication methods" in str(error):
        return Unreachable(
            f"{where}: we have no SSH key to show. Load one (ssh-add), or name it: "
            "STILLHERE_SSH_KEY=FILE."
        )
    if "timeout" in str(error).lower():
        return Unreachable(f"{where}: the login was not done within {CONNECT_SECONDS} s.")
    if isinstance(error, paramiko.AuthenticationException):
        return Unreachable(f"{where}: refuses our SSH key. Is it loaded (ssh-add -l), and applied?")
    if isinstance(error, TimeoutError | socket.timeout):
        return Unreachable(f"{where}: no answer within {CONNECT_SECONDS} s.")
    if "not found in known_hosts" in str(error):
        return WrongHostKey(f"{where}: has no host key of the inventory's kind.")
    if "banner" in str(error) or "No existing session" in str(error):
        return Unreachable(
            f"{where}: takes connections and says nothing. It hangs, is no sshd, "
            "or keeps us away for a while after logins that failed."
        )
    return Unreachable(f"{where}: {error}.")


# What goes wrong with a host is said in a line of ours; paramiko would add its traceback.
logging.getLogger("paramiko").setLevel(logging.CRITICAL)


@cache
def _agent() -> bytes:
    """Return the agent's modules as one line; what it prints by itself would be no JSON."""
    names = [ON_HOSTS_TOO, *(f"ops.agent.{name}" for name in MODULES)]
    modules = [[name, ""] for name in ("ops", "ops.agent", "provisioning", "provisioning.programs")]
    for package, _, name in (each.rpartition(".") for each in names):
        modules.append([f"{package}.{name}", (files(package) / f"{name}.py").read_text("utf-8")])
    return json.dumps(modules).encode() + b"\n"
