"""What HAProxy knows of its servers outlives its reloads and restarts: this is where it is kept.

Installed on the load balancers and run by haproxy.service and by `ops/agent/balancing`:

    keep_state save     before a reload or a stop, and after an operator's word: ask, keep
    keep_state check    before a start: what was kept may be older than haproxy.cfg

A server whose address or port is another one in haproxy.cfg is forgotten: HAProxy
would go on with the old address for ever. Only Python 3.11's own library here.
"""

import os
import re
import socket
import sys

CONFIG = "/etc/haproxy/haproxy.cfg"
SOCKET = "/run/stillhere-balancer/admin.sock"
STATE = "/var/lib/stillhere-balancer/servers"
ANSWER_SECONDS = 5
# Of a line of `show servers state`, version 1.
BACKEND, NAME, ADDRESS, PORT = 1, 3, 4, 18

Servers = dict[tuple[str, str], tuple[str, str]]


def main(verb: str) -> None:
    """Keep the state. What cannot be asked leaves the file as it is."""
    try:
        text = asked() if verb == "save" else read(STATE)
    except OSError as error:
        print(f"state of servers not kept: {error}", file=sys.stderr)  # noqa: T201
        return
    if text:
        write(STATE, kept(text, configured(read(CONFIG))))


def asked() -> str:
    """Return what HAProxy says of its servers."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(ANSWER_SECONDS)
        line.connect(SOCKET)
        line.sendall(b"show servers state\n")
        parts = []
        while part := line.recv(65_536):
            parts.append(part)
    return b"".join(parts).decode()


def configured(config: str) -> Servers:
    """Return address and port of each server line, by backend and name."""
    found: Servers = {}
    backend = ""
    for line in config.splitlines():
        words = line.split()
        if words and not line[0].isspace():
            backend = words[1] if words[0] in ("backend", "listen") and len(words) > 1 else ""
        elif backend and words and words[0] == "server":
            address, _, port = words[2].rpartition(":")
            found[backend, words[1]] = (address.strip("[]"), port)
    return found


def kept(state: str, servers: Servers) -> str:
    """Return the state without servers that are gone or are somewhere else now."""
    lines = []
    for line in state.splitlines():
        fields = line.split(" ")
        if re.match(r"\d+ \S+ \d+ ", line) and len(fields) > PORT:
            there = (fields[ADDRESS], fields[PORT])
            if servers.get((fields[BACKEND], fields[NAME])) != there:
                continue
        lines.append(line)
    return "".join(f"{line}\n" for line in lines if line)


def read(path: str) -> str:
    """Return the text of a file, "" when there is none."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def write(path: str, text: str) -> None:
    """Replace the file whole or not at all."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = f"{path}.new"
    with open(beside, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


if __name__ == "__main__":
    main(sys.argv[1])
