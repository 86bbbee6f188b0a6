"""Network namespaces of a case's own, with links on which packets get lost.

    clients ── 30 % lost each way ── server ── 30 % lost each way ── database

Loss is nftables' (numgen random) on what comes in: many kernels come without tc's netem.
"""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

SERVER_FOR_CLIENTS, CLIENTS = "10.213.1.1", "10.213.1.2"
SERVER_FOR_DATABASE, DATABASE = "10.213.2.1", "10.213.2.2"
_RULES = """
table inet torture {{
    chain input {{
        type filter hook input priority 0
        iifname != "lo" numgen random mod 100 < {percent} drop
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Network:
    """Three namespaces; their names are this process's own."""

    clients: str
    server: str
    database: str

    @classmethod
    def of_this_process(cls) -> Self:
        """Return the names."""
        return cls(*(f"torture-{os.getpid()}-{name}" for name in ("c", "s", "d")))

    def inside(self, namespace: str) -> list[str]:
        """Return what is put before a command that is to run in a namespace."""
        return ["ip", "netns", "exec", namespace]

    def lose(self, percent: int) -> None:
        """Lose so many of a hundred packets from now on, on every link, both ways."""
        self._rule(_RULES.format(percent=percent))

    def heal(self) -> None:
        """Lose nothing any more."""
        self._rule("delete table inet torture")

    def make(self) -> None:
        """Make the namespaces and the two links."""
        for name in (self.clients, self.server, self.database):
            _ip("netns", "add", name)
            _ip("-n", name, "link", "set", "lo", "up")
        self._link(self.clients, CLIENTS, SERVER_FOR_CLIENTS)
        self._link(self.database, DATABASE, SERVER_FOR_DATABASE)

    def delete(self) -> None:
        """Delete what is there of it."""
        for name in (self.clients, self.server, self.database):
            subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)

    def _rule(self, rules: str) -> None:
        for name in (self.clients, self.server, self.database):
            command = [*self.inside(name), "nft", "-f", "-"]
            subprocess.run(command, input=rules, text=True, check=True)

    def _link(self, namespace: str, address: str, at_server: str) -> None:
        near, far = f"to-{namespace.rpartition('-')[2]}", "to-server"
        _ip("-n", self.server, "link", "add", near, "type", "veth",
            "peer", "name", far, "netns", namespace)  # fmt: skip
        for where, device, own in ((self.server, near, at_server), (namespace, far, address)):
            _ip("-n", where, "address", "add", f"{own}/24", "dev", device)
            _ip("-n", where, "link", "set", device, "up")


@contextlib.contextmanager
def running_network() -> Iterator[Network]:
    """Give the namespaces; they go when the block ends."""
    network = Network.of_this_process()
    try:
        network.make()
        yield network
    finally:
        network.delete()


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)
