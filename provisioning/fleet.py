"""The values that describe a fleet: what roles are made for. `ops/inventory` reads them."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


class Role(StrEnum):
    """What a host is for; it has exactly one."""

    LOAD_BALANCER = "load_balancer"
    APP_SERVER = "app_server"
    DATABASE = "database"
    OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Operator:
    """A person who may log in as root, with an SSH public key."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Host:
    """One server. `host_key` is pinned: whoever shows another one is refused."""

    name: str
    role: Role
    data_center: str
    address: str
    address6: str
    host_key: str
    public: bool = False


@dataclass(frozen=True, slots=True)
class Certificates:
    """Where certificates come from: an ACME server, and lego's name of who serves our zone.

    `authority` is a file beside the inventory with the CA of the ACME server itself;
    "" means one that every system trusts.
    """

    directory: str
    email: str
    dns: str
    authority: str = ""


@dataclass(frozen=True, slots=True)
class Backups:
    """Where backups go: an S3 service and a bucket, and who may decrypt them.

    `recipients` are files of public keys beside the inventory, the drill's among them;
    `authority`, too, the CA of the service ("": one that every system trusts).
    `lock_days`: for how long each object is locked when it is written; 0 leaves that to
    the bucket.
    """

    endpoint: str
    region: str
    bucket: str
    recipients: tuple[str, ...]
    prefix: str = ""
    authority: str = ""
    lock_days: int = 0


@dataclass(frozen=True, slots=True)
class Fleet:
    """All servers and who looks after them. `lab`: no brakes, nothing asks.

    `ping_rate_per_minute` is for each client address; those in `rate_exempt`
    (networks) have no limit. `most_connections` is one load balancer's.
    `mail_server` (host:port) takes all mail; "" means that none goes out.
    """

    name: str
    site: str
    pings: str
    hosts: tuple[Host, ...]
    operators: tuple[Operator, ...]
    path: Path
    lab: bool = False
    time_servers: tuple[str, ...] = ()
    ping_rate_per_minute: int = 1_200
    rate_exempt: tuple[str, ...] = ()
    most_connections: int = 8_000
    mail_server: str = ""
    mail_from: str = ""
    certificates: Certificates | None = None
    backups: Backups | None = None

    def of_role(self, role: Role) -> tuple[Host, ...]:
        """Return the hosts of a role in the order of the inventory."""
        return tuple(host for host in self.hosts if host.role == role)

    def host(self, name: str) -> Host:
        """Return the host of that name. KeyError says which there are."""
        for host in self.hosts:
            if host.name == name:
                return host
        known = ", ".join(host.name for host in self.hosts)
        raise KeyError(f"The fleet {self.name} has no host {name!r}; it has {known}.")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One of PostgreSQL's on a host, as its files tell it, so that it may be stopped.

    `has_data`: not on a disk that is not mounted. `is_ours`: an apply has configured it.
    `role` is the word of the host's role marker: primary, fenced, or "" without one.
    """

    version: str
    name: str
    has_data: bool = True
    is_standby: bool = False
    is_ours: bool = True
    role: str = ""

    def __str__(self) -> str:
        return f"{self.version}/{self.name}"


@dataclass(frozen=True, slots=True)
class Machine:
    """What roles may depend on, of each host. `applied` is "" until an apply has ended well."""

    debian: str
    memory_bytes: int
    cpus: int
    open_files: int
    container: bool
    clusters: tuple[Cluster, ...]
    applied: str
    now: float

    @property
    def main(self) -> Cluster | None:
        """Return the fleet's cluster: the newest `main`. Any other is somebody's own."""
        mains = [each for each in self.clusters if each.name == "main"]
        return max(mains, key=lambda each: int(each.version), default=None)
