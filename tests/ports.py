"""Ports for servers that tests start: this is where two of them never get the same one."""

import itertools
import os
import socket

# Two runs on one machine begin at different places.
_PORTS = itertools.count(os.getpid() * 37)


def free_port() -> int:
    """Return a port that is free on both loopback addresses.

    Below the range from which the kernel takes ports for clients, and from a
    part of its own for each worker: nobody takes it before it is used.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in (20_000 + 4_000 * worker + next(_PORTS) % 4_000 for _ in range(4_000)):
        with socket.socket() as four, socket.socket(socket.AF_INET6) as six:
            four.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                four.bind(("127.0.0.1", port))
                six.bind(("::1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
