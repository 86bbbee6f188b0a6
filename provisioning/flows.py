"""The one catalogue of services, ports and flows.

From it come nftables, pg_hba.conf, haproxy.cfg, nginx, the DSNs and the probe
matrix of `fab net.verify`. What is not declared here is closed; a port is
written nowhere else, so that 4322 for 5432 cannot be typed.
"""

from dataclasses import dataclass
from enum import StrEnum

from provisioning.fleet import Fleet, Host, Role


class Origin(StrEnum):
    """Who may come that is no host of the fleet."""

    OPERATORS = "operators"
    WORLD = "world"


@dataclass(frozen=True, slots=True)
class Service:
    """Something that listens on a TCP port of every host of the roles."""

    name: str
    port: int
    roles: tuple[Role, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Flow:
    """Who may open connections to a service."""

    source: Role | Origin
    service: Service


EVERYWHERE = tuple(Role)
RECEIVERS = 2  # per application server; each has its port and its line in HAProxy

SSH = Service("ssh", 22, EVERYWHERE, "operators' sessions")
NODE_METRICS = Service("node-metrics", 9100, EVERYWHERE, "figures of the host")
HTTP = Service("http", 80, (Role.LOAD_BALANCER,), "redirects to HTTPS, answers plain pings")
HTTPS = Service("https", 443, (Role.LOAD_BALANCER,), "pages and pings")
BALANCER_STATS = Service("balancer-stats", 8404, (Role.LOAD_BALANCER,), "what HAProxy reports")
PAGES = Service("pages", 8080, (Role.APP_SERVER,), "nginx before gunicorn")
RECEIVER = tuple(
    Service(f"receiver-{slot}", 8100 + slot, (Role.APP_SERVER,), "pings, health of the receiver")
    for slot in range(RECEIVERS)
)
POSTGRESQL = Service("postgresql", 5432, (Role.DATABASE,), "the database and its replication")

SERVICES = (SSH, NODE_METRICS, HTTP, HTTPS, BALANCER_STATS, PAGES, *RECEIVER, POSTGRESQL)

# Operators' addresses change; their keys are what lets them in.
FLOWS = (
    Flow(Origin.OPERATORS, SSH),
    Flow(Role.OBSERVER, NODE_METRICS),
    Flow(Origin.WORLD, HTTP),
    Flow(Origin.WORLD, HTTPS),
    Flow(Role.OBSERVER, BALANCER_STATS),
    Flow(Role.LOAD_BALANCER, PAGES),
    *(Flow(Role.LOAD_BALANCER, receiver) for receiver in RECEIVER),
    Flow(Role.APP_SERVER, POSTGRESQL),
    Flow(Role.DATABASE, POSTGRESQL),
)


@dataclass(frozen=True, slots=True)
class Opening:
    """A port of one host and who may reach it; `sources` None means everybody."""

    service: Service
    sources: tuple[Host, ...] | None


def openings(fleet: Fleet, host: Host) -> tuple[Opening, ...]:
    """Return what has to be open on a host, by service; a host never needs itself."""
    found = []
    for service in SERVICES:
        if host.role not in service.roles:
            continue
        sources = [flow.source for flow in FLOWS if flow.service == service]
        if any(isinstance(source, Origin) for source in sources):
            found.append(Opening(service, None))
        else:
            allowed = tuple(
                other for other in fleet.hosts if other.role in sources and other != host
            )
            found.append(Opening(service, allowed))
    return tuple(found)


def is_open(fleet: Fleet, source: Host | None, target: Host, port: int) -> bool:
    """Return True when `source` (None: somebody outside) may reach the port of `target`."""
    for opening in openings(fleet, target):
        if opening.service.port == port:
            return opening.sources is None or source in opening.sources
    return False


def addresses(fleet: Fleet, role: Role) -> tuple[str, ...]:
    """Return the addresses of all hosts of a role, IPv4 and IPv6 of each."""
    return tuple(
        address for host in fleet.of_role(role) for address in (host.address, host.address6)
    )
