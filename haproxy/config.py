"""What a load balancer says: plain values in, the text of haproxy.cfg out. Pure.

Nothing here knows what a fleet is: provisioning/roles/load_balancer.py maps it.
Why each timeout is what it is: README.md beside this file.
"""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined

from haproxy.keep_state import SOCKET, STATE

CERTIFICATES = "/etc/haproxy/certificates"
ERRORS = "/etc/haproxy/stillhere-errors"
# What a process has open that is no connection of a client: listeners, checks, logs, threads.
OTHER_FILES = 1_000


@dataclass(frozen=True, slots=True)
class Server:
    """A line of a backend: who answers, where."""

    name: str
    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Balancer:
    """All that one load balancer's haproxy.cfg depends on.

    `stats` is the address and port for figures; `exempt` are networks without a
    limit of pings. `has_bundles`: HAProxy 3.0 chooses among the certificates of a
    bundle also for a client that names no host; 2.6 does not.
    """

    site: str
    pings: str
    stats: str
    http_port: int
    https_port: int
    pages: tuple[Server, ...]
    receivers: tuple[Server, ...]
    pings_per_minute: int
    exempt: tuple[str, ...]
    most_connections: int
    most_of_one_client: int
    has_bundles: bool


def haproxy_cfg(balancer: Balancer) -> str:
    """Return the text of haproxy.cfg."""
    paths = {"certificates": CERTIFICATES, "errors": ERRORS, "socket": SOCKET, "state": STATE}
    return _environment().get_template("haproxy.cfg.j2").render(balancer=balancer, **paths)


def of_one_client(most_connections: int) -> int:
    """Return how many connections one client address may have at a time: a twentieth."""
    return max(1, most_connections // 20)


def connections(wanted: int, open_files: int) -> int:
    """Return how many connections a process with so many open files can keep.

    Each costs two: the client's and the server's. HAProxy refuses to start with
    more than it can open.
    """
    return max(1, min(wanted, (open_files - OTHER_FILES) // 2))


@cache
def _environment() -> Environment:
    # What is rendered is configuration, not HTML: nothing is to be escaped.
    return Environment(  # noqa: S701
        loader=PackageLoader("haproxy", ""),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
