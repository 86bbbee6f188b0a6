"""What a database host has on top: PostgreSQL, and at most one cluster, `main`.

A cluster is made once in a fleet's life, on the first database host, when every
database host has been asked and none has one. Afterwards who is primary is a
fact that PostgreSQL says, and another host gets its cluster as a standby
(provisioning/replication).
"""

import re
from collections.abc import Mapping

from provisioning import backups, releases, replication
from provisioning.dsn import DATABASE, ROLE
from provisioning.errors import Contradiction
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import POSTGRESQL, openings
from provisioning.postgresql_tuning import tuning
from provisioning.render import render
from provisioning.resources import Command, File, Package, Resource, Unit
from provisioning.roles.app_server import DATABASE_CONNECTIONS
from provisioning.scram import verifier

SECRETS: tuple[str, ...] = ("database_password_app", "database_password_replication")
VERSIONS = {"12": "15", "13": "17"}  # of PostgreSQL, by Debian's
VERIFIERS = "/etc/stillhere/roles.psql"
IN_THE_MAKING = "/var/lib/stillhere/cluster-in-the-making"  # known to ops/agent/seeing, too
JUDGE = "/usr/local/lib/stillhere/judge-pg-hba"
DROP_IN = "/etc/systemd/system/postgresql@.service.d/stillhere.conf"
FENCED = "fenced"
# What pg_rewind calls on the primary (its documentation names them).
REWINDS = (
    "pg_ls_dir(text, boolean, boolean)",
    "pg_stat_file(text, boolean)",
    "pg_read_binary_file(text)",
    "pg_read_binary_file(text, bigint, bigint, boolean)",
)


def resources(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return the resources of the role, in order."""
    machine = machines[host.name]
    version = machine.main.version if machine.main else VERSIONS[machine.debian]
    becomes_first = _becomes_first(fleet, host, machines)
    becomes_standby = _becomes_standby(fleet, host, machines)
    _refuse_a_second_primary(fleet, host, machines)
    if not (becomes_first or becomes_standby or machine.main):
        return (*without_cluster(), *releases.places())
    is_standby = becomes_standby or bool(machine.main and machine.main.is_standby)
    return (
        *without_cluster(),
        *releases.places(),
        # Before any cluster: no boot starts one that nobody has judged.
        *replication.guard(fleet, host, secrets),
        # It is called as soon as there is one.
        *backups.writing(fleet, secrets),
        *((_first_cluster(version),) if becomes_first else ()),
        *((replication.standby_cluster(host, version),) if becomes_standby else ()),
        *_cluster(fleet, host, machines, version, secrets, is_standby=is_standby),
    )


def without_cluster() -> tuple[Resource, ...]:
    """Return PostgreSQL as a program: its package would start a cluster, were it not told."""
    return (
        File("/etc/postgresql-common/createcluster.conf", render("createcluster.conf")),
        Package("postgresql"),
    )


def _becomes_first(fleet: Fleet, host: Host, machines: Mapping[str, Machine]) -> bool:
    """Return True for the first of the fleet when it is certain that no host has a cluster."""
    databases = fleet.of_role(Role.DATABASE)
    if host != databases[0] or not all(each.name in machines for each in databases):
        return False
    return not any(machines[each.name].main for each in databases)


def _becomes_standby(fleet: Fleet, host: Host, machines: Mapping[str, Machine]) -> bool:
    """Return True where there is no cluster while another host has the primary, or gets it."""
    if machines[host.name].main or _becomes_first(fleet, host, machines):
        return False
    return any(
        _becomes_first(fleet, other, machines) or _may_be_primary(machines.get(other.name))
        for other in replication.others(fleet, host)
    )


def _may_be_primary(machine: Machine | None) -> bool:
    """Tell whether the host is known to have a cluster that is no standby and is not fenced."""
    main = machine.main if machine else None
    return bool(main and not main.is_standby and main.role != FENCED)


def _refuse_a_second_primary(fleet: Fleet, host: Host, machines: Mapping[str, Machine]) -> None:
    """Raise Contradiction for a cluster that is no standby while another host has one, too.

    Our settings would let applications into both. Who cannot be read may have one: that
    stops a cluster that is new to us, and not the primary while its standby is away.
    """
    own = machines[host.name].main
    if own is None or not _may_be_primary(machines[host.name]):
        return
    for other in replication.others(fleet, host):
        if other.name not in machines:
            if not own.is_ours:
                raise Contradiction(
                    f"{host.name}: its cluster {own} is no standby and was made by hand, and "
                    f"{other.name} may have the primary: it cannot be read. Mend that first."
                )
            continue
        theirs = machines[other.name].main
        if not _may_be_primary(machines[other.name]) or theirs is None:
            continue
        if theirs.has_data or not own.is_ours:
            raise Contradiction(
                f"{host.name}: its cluster {own} is no standby, and {theirs} on {other.name} is "
                "none either: two primaries. Look which one the applications have written to (fab "
                "db.status). The other one, after a failover: fab db.fence, then fab db.rejoin; "
                "one that was made by hand: pg_dropcluster --stop, and rm -r what is left in "
                "/etc/postgresql."
            )


def _first_cluster(version: str) -> Resource:
    why = "no database host has a cluster: this one becomes the primary"
    is_there = f"[ -e /etc/postgresql/{version}/main/postgresql.conf ] && [ ! -e {IN_THE_MAKING} ]"
    return Command(
        "postgresql-cluster",
        check=("sh", "-c", f"{is_there} || {{ echo '{why}'; exit 1; }}"),
        run=("sh", "-c", render("make-cluster.sh", version=version, mark=IN_THE_MAKING)),
    )


def _cluster(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], version: str,
    secrets: Mapping[str, str], *, is_standby: bool,
) -> tuple[Resource, ...]:  # fmt: skip
    machine = machines[host.name]
    folder = f"/etc/postgresql/{version}/main"
    at_start, settings, hba = (
        f"{folder}/{name}"
        for name in ("conf.d/stillhere-start.conf", "conf.d/stillhere.conf", "pg_hba.conf")
    )
    is_fenced = not is_standby and bool(machine.main and machine.main.role == FENCED)
    ours = _settings(fleet, host, machine, version, at_start, settings)
    described = (
        File(DROP_IN, render("postgresql-unit.conf")),
        *ours,
        *_admission(fleet, host, version, hba),
        *(
            replication.primary_marks(fleet, host, machines, version)
            if not is_standby and not is_fenced
            else ()
        ),
        Unit(
            f"postgresql@{version}-main.service",
            enabled=None,  # Debian's generator does, by its start.conf
            running=None if is_fenced else True,
            reads=(DROP_IN, at_start),
            # The guard is asked at the next start: its coming restarts nothing.
            rereads=(settings, hba, replication.GUARD_DROP_IN),
            asks=(replication.GUARD, f"{version}/main", "--ask"),
        ),
    )
    if is_fenced:
        return described
    return (
        *described,
        *((replication.streams(version, settings),) if is_standby else ()),
        *_roles(fleet, host, secrets, _names_in(ours)),
    )


def _settings(
    fleet: Fleet, host: Host, machine: Machine, version: str, at_start: str, settings: str
) -> tuple[File, ...]:
    connections = DATABASE_CONNECTIONS * len(fleet.of_role(Role.APP_SERVER))
    values = {
        "tuning": tuning(machine.memory_bytes, connections),
        "addresses": ("localhost", host.address, host.address6),
        "port": POSTGRESQL.port,
        "conninfo": replication.conninfo(fleet, host),
        "slot": replication.slot_name(host.name),
        "archive_command": backups.archive_command(fleet),
    }
    # Read by PostgreSQL itself as if it were the whole configuration; nothing is started.
    words = f"runuser -u postgres -- /usr/lib/postgresql/{version}/bin/postgres -D /tmp"
    judged = (*words.split(), "-C", "max_connections", "-c", "config_file={}")
    return (
        File(at_start, render("postgresql-start.conf", **values), validate=judged),
        File(settings, render("postgresql.conf", **values), validate=judged),
    )


def _admission(fleet: Fleet, host: Host, version: str, path: str) -> tuple[File, ...]:
    """Return pg_hba.conf: the flows of the catalogue, each with the one role that may come."""
    (opening,) = (one for one in openings(fleet, host) if one.service == POSTGRESQL)
    come = {
        role: [
            network
            for source in opening.sources or ()
            if source.role == role
            for network in (f"{source.address}/32", f"{source.address6}/128")
        ]
        for role in Role
    }
    text = render(
        "pg_hba.conf",
        applications=come[Role.APP_SERVER],
        databases=come[Role.DATABASE],
        database=DATABASE,
        role=ROLE,
        has_backups=bool(fleet.backups),
    )
    script = render("judge-pg-hba", bin=f"/usr/lib/postgresql/{version}/bin")
    return (
        File(JUDGE, script, mode=0o755),
        File(path, text, mode=0o640, owner="postgres", group="postgres", validate=(JUDGE, "{}")),
    )


def _names_in(files: tuple[File, ...]) -> list[str]:
    """Return the names of all settings in files of PostgreSQL's."""
    text = "".join(file.content or "" for file in files)
    return sorted(re.findall(r"^(\w+) = ", text, re.MULTILINE))


def _roles(
    fleet: Fleet, host: Host, secrets: Mapping[str, str], settings: list[str]
) -> tuple[Resource, ...]:
    passwords = {
        "application": verifier(fleet.name, ROLE, secrets["database_password_app"]),
        "replication": verifier(
            fleet.name, "replication", secrets["database_password_replication"]
        ),
    }
    lines = "".join(f"\\set {name} '{value}'\n" for name, value in passwords.items())
    values = {
        "verifiers": VERIFIERS,
        "role": ROLE,
        "database": DATABASE,
        "port": POSTGRESQL.port,
        "settings": settings,
        "rewinds": ", ".join(f"'{name}'" for name in REWINDS),
        "slots": [replication.slot_name(one.name) for one in replication.others(fleet, host)],
    }
    return (
        File(VERIFIERS, lines, mode=0o600, secret=True),
        Command(
            "postgresql-roles",
            check=("sh", "-c", render("database-differs.sh", **values)),
            run=("sh", "-c", render("make-database.sh", **values)),
            reads=(VERIFIERS,),
        ),
    )
