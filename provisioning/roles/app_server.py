"""What an application server has on top: nginx, and the product's units.

balancer ── PAGES ── nginx ── unix socket ── pages      the units wait for a release:
balancer ── RECEIVER ── receiver ── journal ── drain    until there is one, not running is
                                                        what is wanted of them
"""

from collections.abc import Mapping

from provisioning import releases
from provisioning.dsn import PASSWORD_FILE, database_url, password_lines
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import PAGES, RECEIVER, addresses
from provisioning.mail import mail_files, mail_settings
from provisioning.render import render
from provisioning.resources import Directory, File, Package, Resource, Unit

SECRETS: tuple[str, ...] = ("database_password_app", "secret_key")
MAINTENANCE = "/etc/stillhere/maintenance"
SETTINGS = "/etc/stillhere/app.env"
SOCKET = f"{releases.RUN}/pages.sock"
UNITS = (
    "pages.socket",
    "pages.service",
    "receiver@.service",
    "drain.service",
    "notifier.service",
)
MOST_WORKERS = 4  # of the pages; each keeps a connection to the database for each thread
THREADS = 8
# What one application server may open at the database: pages, eight senders of alerts and
# the notifier itself, the drain twice (it listens for wake-ups), and a command by hand.
DATABASE_CONNECTIONS = MOST_WORKERS * THREADS + 9 + 2 + 5


def resources(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return the resources of the role, in order."""
    settings = _settings(fleet, host, secrets)
    return (
        # First: its group may open the socket of the pages.
        Package("nginx"),
        Package("postgresql-client"),  # for a person, and for the logins that fab doctor tries
        *releases.places(),
        *releases.data(),
        *_sockets(),
        *settings,
        *_units(host, machines[host.name], tuple(one.path for one in settings)),
        *_nginx(fleet, host),
    )


def _sockets() -> tuple[Resource, ...]:
    """Return the directory of sockets: now, and after each boot."""
    line = f"d {releases.RUN} 0755 stillhere stillhere -\n"
    return (
        File("/etc/tmpfiles.d/stillhere.conf", f"# Written by fab apply.\n{line}"),
        Directory(releases.RUN, owner="stillhere", group="stillhere"),
    )


def _settings(fleet: Fleet, host: Host, secrets: Mapping[str, str]) -> tuple[File, ...]:
    """Return what every process of the product reads; the secrets are files of their own."""
    text = render(
        "app.env",
        fleet=fleet,
        host=host,
        data=releases.DATA,
        run=releases.RUN,
        balancers=addresses(fleet, Role.LOAD_BALANCER),
        database=database_url(fleet),
        mail=mail_settings(fleet, secrets),
    )
    return (
        File(SETTINGS, text, mode=0o640, group="stillhere"),
        File(
            "/etc/stillhere/secret_key",
            secrets["secret_key"] + "\n",
            mode=0o640,
            group="stillhere",
            secret=True,
        ),
        # libpq takes no file that anybody else may read.
        File(
            PASSWORD_FILE,
            password_lines(fleet, secrets["database_password_app"]),
            mode=0o600,
            owner="stillhere",
            group="stillhere",
            secret=True,
        ),
        *mail_files(secrets),
    )


def _units(host: Host, machine: Machine, settings: tuple[str, ...]) -> tuple[Resource, ...]:
    values = {
        "debian": int(machine.debian),
        "release": releases.MARK,
        "current": releases.CURRENT,
        "data": releases.DATA,
        "run": releases.RUN,
        "socket": SOCKET,
        "workers": min(MOST_WORKERS, max(2, machine.cpus)),
        "threads": THREADS,
    }
    return (
        *(File(_path(name), render(f"stillhere-{name}", **values)) for name in UNITS),
        *(each for slot in range(len(RECEIVER)) for each in _receiver(host, slot, settings)),
        _unit("pages.socket", (_path("pages.socket"),)),
        *(
            _unit(name, (_path(name), *settings))
            for name in ("pages.service", "drain.service", "notifier.service")
        ),
    )


def _receiver(host: Host, slot: int, settings: tuple[str, ...]) -> tuple[Resource, ...]:
    own = f"/etc/stillhere/receiver-{slot}.env"
    text = render("receiver.env", host=host, slot=slot, port=RECEIVER[slot].port)
    reads = (_path("receiver@.service"), own, *settings)
    return (
        File(own, text, mode=0o640, group="stillhere"),
        _unit(f"receiver@{slot}.service", reads),
    )


def _path(name: str) -> str:
    return f"/etc/systemd/system/stillhere-{name}"


def _unit(name: str, reads: tuple[str, ...]) -> Unit:
    return Unit(f"stillhere-{name}", reads=reads, waits_for=releases.MARK)


def _nginx(fleet: Fleet, host: Host) -> tuple[Resource, ...]:
    path = "/etc/nginx/nginx.conf"
    drop_in = "/etc/systemd/system/nginx.service.d/stillhere.conf"
    text = render(
        "nginx.conf",
        host=host,
        port=PAGES.port,
        site=fleet.site,
        balancers=addresses(fleet, Role.LOAD_BALANCER),
        root=releases.ROOT,
        socket=SOCKET,
        maintenance=MAINTENANCE,
    )
    return (
        File(path, text, validate=("nginx", "-t", "-q", "-c", "{}")),
        File(drop_in, render("nginx-restart.conf")),
        Unit("nginx.service", reads=(path, drop_in), on_change="reload"),
    )
