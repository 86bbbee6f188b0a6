"""The other database hosts, asked by this one what they are: a primary, a standby, or silent.

They are asked over a replication connection, which the firewall and pg_hba.conf let
through between database hosts, whatever state the applications' database is in.
"""

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

PEERS = Path("/etc/stillhere/database-peers.json")
PASSWORDS = Path("/etc/stillhere/replication.pgpass")
PROGRAMS = Path("/usr/lib/postgresql")
ROLE = "replication"
CONNECT_SECONDS = 3
ANSWER_SECONDS = 10  # one that takes the connection and says nothing
MOST_WORDS = 200


@dataclass(frozen=True, slots=True)
class Peer:
    """Another database host, by its addresses."""

    name: str
    addresses: tuple[str, ...]
    port: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer is. `is_primary` None: it did not answer, and `said` is why.

    `address` is the one that has answered.
    """

    name: str
    is_primary: bool | None = None
    system_identifier: str = ""
    timeline: int = 0
    address: str = ""
    said: str = ""


def peers_in(path: Path = PEERS) -> tuple[Peer, ...]:
    """Return the other database hosts as `fab apply` has written them.

    OSError or ValueError when that cannot be read: then nobody knows whom to ask.
    """
    try:
        found = json.loads(path.read_text("utf-8"))
        return tuple(
            Peer(one["name"], (one["address"], one["address6"]), int(found["port"]))
            for one in found["peers"]
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} is not as fab apply writes it: {error!r}") from None


def ask(peer: Peer, own_name: str, passwords: Path = PASSWORDS) -> Answer:
    """Ask a peer by each of its addresses until one answers."""
    troubles = []
    for address in peer.addresses:
        done = speak(peer, address, own_name, ["IDENTIFY_SYSTEM", "SHOW in_hot_standby"], passwords)
        lines = done.stdout.splitlines()
        if done.returncode == 0 and len(lines) == 2:
            system, timeline, *_ = lines[0].split("|")
            return Answer(peer.name, lines[1] == "off", system, int(timeline), address)
        # Its first line says what happened; the next ones ask whether a server runs there.
        words = done.stderr.strip().partition("\n")[0].removeprefix("psql: error: ")
        troubles.append(words[:MOST_WORDS])
    return Answer(peer.name, said="; ".join(dict.fromkeys(troubles)))


def speak(
    peer: Peer, address: str, own_name: str, commands: Sequence[str], passwords: Path = PASSWORDS
) -> subprocess.CompletedProcess[str]:
    """Give a peer commands of the replication protocol, one answer a line."""
    asked = [program("psql"), "--no-psqlrc", "--no-align", "--tuples-only", "--no-password"]
    asked += ["--set=ON_ERROR_STOP=1", f"--dbname={way_to(peer, address, own_name, passwords)}"]
    asked += [f"--command={command}" for command in commands]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    try:
        return subprocess.run(
            asked,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=ANSWER_SECONDS,
            cwd="/",
            env=environment,
        )
    except subprocess.TimeoutExpired:
        words = f"{address} takes the connection, and says nothing within {ANSWER_SECONDS} s"
        return subprocess.CompletedProcess(asked, 1, "", words)


def way_to(peer: Peer, address: str, own_name: str, passwords: Path = PASSWORDS) -> str:
    """Return libpq's words for a replication connection that notices a dead host."""
    return (
        f"host={address} port={peer.port} user={ROLE} dbname=replication replication=true"
        f" passfile={passwords} sslmode=require gssencmode=disable application_name={own_name}"
        f" connect_timeout={CONNECT_SECONDS} keepalives_idle=5 keepalives_interval=5"
        " keepalives_count=3 tcp_user_timeout=20000"
    )


def program(name: str, version: str = "*") -> str:
    """Return the path of PostgreSQL's own program; of the newest version unless one is named.

    Debian's wrapper of the same name asks the local clusters first.
    """
    found = PROGRAMS.glob(f"{version}/bin/{name}")
    newest = max(found, key=lambda path: int(path.parts[-3]), default=None)
    return str(newest) if newest else name
