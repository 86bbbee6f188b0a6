"""A fleet without servers, and what its hosts are described to be."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ops.inventory import read_fleet
from provisioning.backups import KEEPERS_SECRETS, WRITERS_SECRETS
from provisioning.fleet import Cluster, Fleet, Machine, Role
from provisioning.resources import File, Resource
from provisioning.roles import SECRETS, resources_of
from tests.ops.inventories import inventory

NAMES = (*SECRETS, *WRITERS_SECRETS, *KEEPERS_SECRETS, "dns_token", "timers_ping_key")
PLAIN = {name: f"the-{name.replace('_', '-')}" for name in NAMES}
MAIL = 'mail_server = "mail.example.org:587"\nmail_from = "still@example.org"\n'
CERTIFICATES = (
    '[certificates]\ndirectory = "https://acme.example.org/directory"\n'
    'email = "still@example.org"\ndns = "hetzner"\n'
)
BACKUPS = (
    '[backups]\nendpoint = "https://s3.example.org"\nregion = "eu-central-1"\n'
    'bucket = "still-backups"\nprefix = "berlin/"\nlock_days = 30\n'
    'recipients = ["keys/ada.asc", "keys/drill.asc"]\n'
)
CLUSTERS = {"12": Cluster("15", "main"), "13": Cluster("17", "main")}


def described_fleet(more: str = MAIL) -> Fleet:
    """Return a fleet of all roles; `more` are lines of its [fleet]. Its keys lie beside us."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "berlin.toml"
        first = "[operators.ada]\n"
        changed = {"[fleet]\n": f"[fleet]\n{more}", first: f"{CERTIFICATES}{BACKUPS}{first}"}
        path.write_text(inventory(changed=changed), "utf-8")
        return replace(read_fleet(path), path=Path(__file__).with_name(path.name))


def machine(debian: str = "13", *clusters: Cluster) -> Machine:
    return Machine(debian, 4 * 2**30, 2, 524_288, False, clusters, "applied", 0.0)


def machines(fleet: Fleet, debian: str = "13") -> dict[str, Machine]:
    """Return facts of all hosts, as they are when the fleet has its primary."""
    found = {host.name: machine(debian) for host in fleet.hosts}
    first, *_ = fleet.of_role(Role.DATABASE)
    return found | {first.name: machine(debian, CLUSTERS[debian])}


def resources(
    fleet: Fleet, name: str, known: Mapping[str, Machine], secrets: Mapping[str, str] = PLAIN
) -> tuple[Resource, ...]:
    return resources_of(fleet, fleet.host(name), known, secrets)


def files(resources: tuple[Resource, ...]) -> dict[str, File]:
    return {each.path: each for each in resources if isinstance(each, File)}
