"""What a load balancer has on top: HAProxy, its certificate, and a memory for its servers."""

from collections.abc import Iterator, Mapping
from importlib.resources import files

from haproxy.config import (
    CERTIFICATES,
    ERRORS,
    Balancer,
    Server,
    connections,
    haproxy_cfg,
    of_one_client,
)
from provisioning import renewal
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import BALANCER_STATS, HTTP, HTTPS, PAGES, RECEIVER, Service
from provisioning.render import render
from provisioning.resources import Command, Directory, File, Package, Resource, Sysctl, Unit

SECRETS: tuple[str, ...] = ()
CONFIG = "/etc/haproxy/haproxy.cfg"
KEEP_STATE = "/usr/local/lib/stillhere/keep_state.py"
DROP_IN = "/etc/systemd/system/haproxy.service.d/stillhere.conf"
ERROR_FILES = ("429.txt", "503.html", "503.txt")
DEBIAN_WITHOUT_BUNDLES = "12"  # has HAProxy 2.6
# Cron jobs all come in the first second of a minute: let them wait in the queue, not be refused.
SYSCTLS = {"net.core.somaxconn": "8192", "net.ipv4.tcp_max_syn_backlog": "8192"}
# Until true ones are there: self-signed, made here, so that no key travels. Only what is
# missing is made, and never beside a half that an authority has signed.
_MAKE_CERTIFICATES = """
set -eu
umask 077
cd "$0"
make() {
    openssl req -x509 -nodes -days 3650 -subj "/CN=$site" -addext "subjectAltName=$names" \\
        -newkey "$@" -keyout new.key -out new.crt 2>/dev/null
    cat new.crt new.key
    rm new.crt new.key
}
for half in site.pem.ecdsa site.pem.rsa; do
    [ -s "$half" ] || continue
    issuer=$(openssl x509 -noout -issuer_hash -in "$half")
    [ "$issuer" = "$(openssl x509 -noout -subject_hash -in "$half")" ] || {
        echo "$0/$half is an authority's and its other half is missing: fab certs.install" >&2
        exit 1
    }
done
site=$1 names=DNS:$1,DNS:$2
[ -s site.pem.ecdsa ] || {
    make ec -pkeyopt ec_paramgen_curve:P-256 > new.ecdsa
    mv new.ecdsa site.pem.ecdsa
}
[ -s site.pem.rsa ] || {
    make rsa:2048 > new.rsa
    mv new.rsa site.pem.rsa
}
# At the first apply it is not there yet, and reads them when it starts.
! systemctl is-active --quiet haproxy || systemctl reload haproxy
"""


def resources(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return the resources of the role, in order."""
    return (
        Package("haproxy"),
        *_kernel(),
        *_certificates(fleet),
        *_haproxy(fleet, host, machines[host.name]),
        *renewal.fetching(fleet, host),
    )


def balancer_of(fleet: Fleet, host: Host, machine: Machine) -> Balancer:
    """Return what the host's haproxy.cfg depends on."""
    most = connections(fleet.most_connections, machine.open_files)
    return Balancer(
        site=fleet.site,
        pings=fleet.pings,
        stats=f"{host.address}:{BALANCER_STATS.port}",
        http_port=HTTP.port,
        https_port=HTTPS.port,
        pages=tuple(_servers(fleet, PAGES)),
        receivers=tuple(_servers(fleet, *RECEIVER)),
        pings_per_minute=fleet.ping_rate_per_minute,
        exempt=(*fleet.rate_exempt, *_own_addresses(fleet)),
        most_connections=most,
        most_of_one_client=of_one_client(most),
        has_bundles=machine.debian != DEBIAN_WITHOUT_BUNDLES,
    )


def _kernel() -> tuple[Resource, ...]:
    lines = "".join(f"{name} = {value}\n" for name, value in SYSCTLS.items())
    return (
        File("/etc/sysctl.d/61-stillhere-balancer.conf", lines),
        *(Sysctl(name, value) for name, value in SYSCTLS.items()),
    )


def _certificates(fleet: Fleet) -> tuple[Resource, ...]:
    both = [f"{CERTIFICATES}/site.pem.{kind}" for kind in ("ecdsa", "rsa")]
    return (
        Directory(CERTIFICATES, mode=0o700),
        Command(
            "self-signed-certificates",
            check=("sh", "-c", f"test -s {both[0]} && test -s {both[1]}"),
            run=("sh", "-c", _MAKE_CERTIFICATES, CERTIFICATES, fleet.site, fleet.pings),
        ),
    )


def _haproxy(fleet: Fleet, host: Host, machine: Machine) -> tuple[Resource, ...]:
    errors = [
        File(f"{ERRORS}/{name}", _text_of("errors", name)) for name in ERROR_FILES
    ]  # fmt: skip
    config = haproxy_cfg(balancer_of(fleet, host, machine))
    return (
        Directory(ERRORS),
        *errors,
        File(KEEP_STATE, _text_of("keep_state.py")),
        File(DROP_IN, render("haproxy.service.conf", keep_state=KEEP_STATE, config=CONFIG)),
        File(CONFIG, config, validate=("haproxy", "-c", "-f", "{}")),
        Unit(
            "haproxy.service",
            reads=(CONFIG, DROP_IN, KEEP_STATE, *(error.path for error in errors)),
            on_change="reload",
        ),
    )


def _servers(fleet: Fleet, *services: Service) -> Iterator[Server]:
    """Yield the lines of the services; a number where a host has several."""
    for host in fleet.of_role(Role.APP_SERVER):
        for slot, service in enumerate(services):
            name = host.name if len(services) == 1 else f"{host.name}-{slot}"
            yield Server(name, host.address, service.port)


def _own_addresses(fleet: Fleet) -> Iterator[str]:
    """Yield the fleet's own addresses: its probes and canaries are nobody's hammering."""
    for host in fleet.hosts:
        yield host.address
        yield host.address6


def _text_of(*names: str) -> str:
    return files("haproxy").joinpath(*names).read_text("utf-8")
