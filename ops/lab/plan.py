"""Which hosts a lab has, and what each thing is called: names and addresses come from the prefix.

machine ── PREFIX-mgmt 10.N.0.2                          every name on the machine
              │                                          carries the prefix, so that one
          switch namespace, routes between               sweep finds all of one lab and
          ├─ bridge inside   10.N.1.0/24  lb app db      nothing of another
          └─ bridge outside  10.N.2.0/24  obs world client
"""

import hashlib
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ops.errors import LabError

DEFAULT_PREFIX = "lab"
# With `-`, a host's name and two characters it is an interface's name, which has 15.
_PREFIX = re.compile(r"[a-z][a-z0-9]{0,5}")


class Segment(StrEnum):
    """The two networks; the value is a bridge's name and a data centre's."""

    INSIDE = "inside"
    OUTSIDE = "outside"

    @property
    def number(self) -> int:
        """Return the third byte of its addresses; 0 is the way to the machine."""
        return 1 if self is Segment.INSIDE else 2


@dataclass(frozen=True, slots=True)
class LabHost:
    """One host. Without a role the lab manages it, and the inventory does not know it."""

    name: str
    role: str | None
    segment: Segment
    number: int


HOSTS = (
    LabHost("lb1", "load_balancer", Segment.INSIDE, 11),
    LabHost("lb2", "load_balancer", Segment.INSIDE, 12),
    LabHost("app1", "app_server", Segment.INSIDE, 21),
    LabHost("app2", "app_server", Segment.INSIDE, 22),
    LabHost("app3", "app_server", Segment.INSIDE, 23),
    LabHost("db1", "database", Segment.INSIDE, 31),
    LabHost("db2", "database", Segment.INSIDE, 32),
    LabHost("obs1", "observer", Segment.OUTSIDE, 41),
    LabHost("world", None, Segment.OUTSIDE, 51),  # DNS, S3, ACME, sinks for mail and HTTP
    LabHost("client", None, Segment.OUTSIDE, 61),
)


@dataclass(frozen=True, slots=True)
class Lab:
    """One lab, known by its prefix. `directory` holds all labs and the images."""

    prefix: str
    directory: Path

    @property
    def fleet(self) -> str:
        """Return the name by which `--fleet` finds it."""
        return self.prefix if self.prefix == DEFAULT_PREFIX else f"lab-{self.prefix}"

    @property
    def home(self) -> Path:
        """Return the folder of everything that this lab keeps on disk."""
        return self.directory / self.fleet

    @property
    def tag(self) -> str:
        """Return what the names of its namespaces and its cgroup begin with."""
        return f"stillhere-{self.prefix}"

    @property
    def switch(self) -> str:
        """Return the network namespace that joins all hosts."""
        return f"{self.tag}-switch"

    @property
    def management(self) -> str:
        """Return the interface by which the machine reaches the lab."""
        return f"{self.prefix}-mgmt"

    @property
    def number(self) -> int:
        """Return the second byte of its addresses."""
        if self.prefix == DEFAULT_PREFIX:
            return 77
        return 78 + int.from_bytes(hashlib.sha256(self.prefix.encode()).digest()[:4]) % 170

    @property
    def network(self) -> str:
        """Return the IPv4 network of the whole lab."""
        return f"10.{self.number}.0.0/16"

    @property
    def network6(self) -> str:
        """Return the IPv6 network of the whole lab."""
        return f"fd00:10:{self.number}::/48"

    def host(self, name: str) -> LabHost:
        """Return the host of that name. LabError lists the names there are."""
        for host in HOSTS:
            if host.name == name:
                return host
        names = ", ".join(host.name for host in HOSTS)
        raise LabError(f"The lab has no host {name!r}. It has {names}.")

    def namespace(self, host: LabHost) -> str:
        """Return the name of the host's network namespace."""
        return f"{self.tag}-{host.name}"

    def port(self, host: LabHost) -> str:
        """Return the interface in the switch that the host's cable ends in."""
        return f"{self.prefix}-{host.name}"

    def bridge(self, segment: Segment) -> str:
        """Return the interface in the switch that joins the hosts of a segment."""
        return f"{self.prefix}-{segment}"

    def address(self, host: LabHost) -> str:
        """Return the host's IPv4 address."""
        return f"10.{self.number}.{host.segment.number}.{host.number}"

    def address6(self, host: LabHost) -> str:
        """Return the host's IPv6 address."""
        return f"fd00:10:{self.number}:{host.segment.number}::{host.number}"

    def gateway(self, segment_number: int, host_number: int = 1) -> str:
        """Return the switch's IPv4 address in a segment (0: towards the machine)."""
        return f"10.{self.number}.{segment_number}.{host_number}"

    def gateway6(self, segment_number: int, host_number: int = 1) -> str:
        """Return the switch's IPv6 address in a segment (0: towards the machine)."""
        return f"fd00:10:{self.number}:{segment_number}::{host_number}"

    def mac(self, segment: Segment, number: int) -> str:
        """Return a MAC that stays: neighbours find a host again that was replaced."""
        return f"02:00:{self.number:02x}:{segment.number:02x}:00:{number:02x}"

    def folder(self, host: LabHost) -> Path:
        """Return the folder of what the host writes, and of its console's log."""
        return self.home / "hosts" / host.name


def lab_named(prefix: str) -> Lab:
    """Return the lab of that prefix. STILLHERE_LAB_DIR says where labs are kept."""
    if not _PREFIX.fullmatch(prefix):
        wanted = "1 to 6 characters of a-z and 0-9, the first one a letter"
        raise LabError(f"{prefix!r} cannot be a lab's prefix: it has to be {wanted}.")
    directory = os.environ.get("STILLHERE_LAB_DIR", "/var/lib/stillhere-lab")
    return Lab(prefix, Path(directory).absolute())


def chosen_hosts(lab: Lab, names: str) -> tuple[LabHost, ...]:
    """Return the hosts that `names` lists, with commas; all of them when it is empty."""
    if not names:
        return HOSTS
    return tuple(lab.host(name.strip()) for name in names.split(","))
