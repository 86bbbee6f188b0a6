"""The port we want: this is where we find out whether it is free, and who has it."""

import contextlib
import errno
import ipaddress
import socket
from pathlib import Path

_LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


def addresses(host: str) -> tuple[str, ...]:
    """Return the addresses to listen on; no host means both loopback addresses."""
    return tuple(one.strip() for one in host.split(",")) if host else ("127.0.0.1", "::1")


def own_address(host: str) -> str:
    """Return an address at which this machine reaches itself; the first one of several."""
    host = addresses(host)[0]
    with contextlib.suppress(ValueError):  # a name
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "::1"
    return host


def problem(host: str, port: int) -> str | None:
    """Return why we cannot listen, in words; None when we can."""
    usable = False
    for address in addresses(host):
        try:
            _listen(address, port)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return _taken(address, port)
            # A machine without IPv6 has no ::1; what the user names has to be there.
            if host or address == "127.0.0.1":
                return f"Cannot listen on {address} port {port}: {error}. Check HOST and PORT."
        else:
            usable = True
    return None if usable else f"There is no loopback address to listen on at port {port}."


def _listen(address: str, port: int) -> None:
    found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, kind, protocol, _, name = found[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        probe.bind(name)
        probe.listen(1)


def _taken(address: str, port: int) -> str:
    holder = _holder(port)
    by = f" by {holder}" if holder else " by another program"
    return (
        f"Port {port} on {address} is taken{by}.\n"
        f"Stop that, or use another port: make run PORT={port + 1 if port < 65535 else 8000}"
    )


def _holder(port: int) -> str | None:
    """Return "command (pid N)" of who listens on the port, if we may see it."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended, or is not ours to look at
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()) in inodes:
                    words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
                    command = b" ".join(words).decode("utf-8", "replace")
                    return f"`{command[:100]}` (pid {process.name})"
    return None


def _listening_inodes(port: int) -> set[str]:
    """Return sockets that listen on the port, as links in /proc/PID/fd name them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(f"socket:[{fields[9]}]")
    return found
