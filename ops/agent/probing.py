"""The network as this host sees it: which doors it may have, and which of others are open.

    {"ask": "doors"}                      -> {"rules": nft's JSON, "listening": [port, ...]}
    {"ask": "probe", "doors": [...], ...} -> {"answers": [...]}, one for each door, in order

Also an operator's own machine probes with it.
"""

import errno
import json
import os
import selectors
import socket
import struct
import time
from collections import deque
from typing import Any

from ops.agent.commands import run

# Of a door, [address, port]. Whoever resets was let through by the firewall.
OPEN, REFUSED, SILENT, PROHIBITED = "open", "refused", "silent", "prohibited"

MOST_AT_ONCE = 200  # connections under way; a session of ssh may have 1,024 files
LISTENING = "0A"  # as /proc/net/tcp writes the state
MAPPED = bytes(10) + b"\xff\xff"  # before an IPv4 address that is dressed as IPv6
# From the kernel's headers; the socket module does not have them.
RECEIVE_ERRORS = {
    socket.AF_INET: (socket.IPPROTO_IP, 11),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 25),
}
ERROR_QUEUE = 0x2000
BY_ICMP = (2, 3)  # where an error comes from: ICMP, ICMPv6


def doors() -> dict[str, Any]:
    """Return the live firewall, and the ports on which something listens for others."""
    rules = json.loads(run(["nft", "-j", "list", "ruleset"], timeout=30))
    ports: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):  # a kernel may do without IPv6
            with open(table) as file:
                ports |= listening_ports(file.read())
    return {"rules": rules, "listening": sorted(ports)}


def listening_ports(table: str) -> set[int]:
    """Return the ports of a /proc/net/tcp that somebody else than this host can reach."""
    found = set()
    for line in table.splitlines()[1:]:
        _, local, _, state = line.split()[:4]
        words, _, port = local.partition(":")
        if state == LISTENING and not is_loopback(words):
            found.add(int(port, 16))
    return found


def is_loopback(words: str) -> bool:
    """Return whether the address, words of 32 bits in the machine's order, is of loopback."""
    parts = [words[start : start + 8] for start in range(0, len(words), 8)]
    address = b"".join(struct.pack("=I", int(part, 16)) for part in parts)
    if len(address) == 4:
        return address[0] == 127
    return address == bytes(15) + b"\1" or (address[:12] == MAPPED and address[12] == 127)


def probe(doors: list[tuple[str, int]], seconds: float, attempts: int) -> dict[str, list[str]]:
    """Try to connect to each door, those that do not open again: a packet may have been lost."""
    answers = [SILENT] * len(doors)
    for _ in range(attempts):
        closed = [number for number, one in enumerate(answers) if one in (SILENT, PROHIBITED)]
        for number, answer in zip(
            closed, knock([doors[one] for one in closed], seconds), strict=True
        ):
            answers[number] = answer
    return {"answers": answers}


def knock(doors: list[tuple[str, int]], seconds: float) -> list[str]:
    """Connect to all doors at once, within bounds, and wait so long for each."""
    answers = [SILENT] * len(doors)
    coming = deque(range(len(doors)))
    under_way: dict[socket.socket, tuple[int, float]] = {}  # the oldest first
    with selectors.DefaultSelector() as selector:
        while coming or under_way:
            while coming and len(under_way) < MOST_AT_ONCE:
                number = coming.popleft()
                line, error = begin(doors[number])
                if error == errno.EINPROGRESS:
                    under_way[line] = (number, time.monotonic() + seconds)
                    selector.register(line, selectors.EVENT_WRITE)
                else:
                    answers[number] = answer_of(line, error)
                    line.close()
            for line in ended(selector, under_way):
                number, _ = under_way.pop(line)
                selector.unregister(line)
                error = line.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if is_connected(line) or error:
                    answers[number] = answer_of(line, error)
                line.close()
    return answers


def ended(
    selector: selectors.BaseSelector, under_way: dict[socket.socket, tuple[int, float]]
) -> list[socket.socket]:
    """Wait for the next connections that have ended, well or not, or have taken too long."""
    if not under_way:
        return []
    oldest = next(iter(under_way.values()))[1]
    ready = {key.fd for key, _ in selector.select(max(0.0, oldest - time.monotonic()))}
    now = time.monotonic()
    return [
        line for line, (_, until) in under_way.items() if line.fileno() in ready or until <= now
    ]


def begin(door: tuple[str, int]) -> tuple[socket.socket, int]:
    """Begin to connect; return the error that there is at once, EINPROGRESS as a rule."""
    address, port = door
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    line = socket.socket(family, socket.SOCK_STREAM)
    line.setblocking(False)
    line.setsockopt(*RECEIVE_ERRORS[family], 1)
    return line, line.connect_ex((address, port))


def is_connected(line: socket.socket) -> bool:
    """Return whether somebody is at the other end."""
    try:
        line.getpeername()
    except OSError:
        return False
    return True


def answer_of(line: socket.socket, error: int) -> str:
    """Return what the other end, or somebody on the way, has said."""
    if error == 0:
        return OPEN
    if error == errno.ECONNREFUSED:
        return PROHIBITED if is_by_icmp(line) else REFUSED
    return SILENT if error == errno.ETIMEDOUT else PROHIBITED


def is_by_icmp(line: socket.socket) -> bool:
    """Return whether the refusal is a firewall's: the kernel calls its ICMP `refused` as well."""
    try:
        _, notes, _, _ = line.recvmsg(1, 512, ERROR_QUEUE)
    except OSError:
        return False
    # A sock_extended_err: the error in four bytes, then where it comes from in one.
    return any(len(note) > 4 and note[4] in BY_ICMP for _, _, note in notes)
