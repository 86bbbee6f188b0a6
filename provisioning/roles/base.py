"""What every host has: operators and nobody else, a closed firewall, time, updates, figures."""

from collections.abc import Mapping

from provisioning import backups, renewal, reporting
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import NODE_METRICS, SSH, openings
from provisioning.render import render
from provisioning.resources import Command, Directory, File, Package, Resource, Sysctl, Unit, User

PACKAGES = (
    "nftables",
    "systemd-timesyncd",
    "unattended-upgrades",
    "prometheus-node-exporter",
    "python3",
    "ca-certificates",
)
SECRETS = ("canary",)
MORE_RULES = "/etc/nftables.d"  # of database hosts: a failover's fence is put there
ROOT_HOME = "/root"  # operators are root by key (docs/decisions/0011)
# Also for hosts that are no routers: no redirects, no source routes, no spoofed sources.
SYSCTLS = {
    "net.ipv4.conf.all.accept_redirects": "0",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.all.accept_source_route": "0",
    "net.ipv4.conf.all.rp_filter": "2",
    "net.ipv4.tcp_syncookies": "1",
    "net.ipv6.conf.all.accept_redirects": "0",
    "net.ipv6.conf.all.accept_source_route": "0",
    # What starts before its address is there listens all the same: PostgreSQL would leave that
    # address out for as long as it runs, and say so in its log alone.
    "net.ipv4.ip_nonlocal_bind": "1",
    "net.ipv6.ip_nonlocal_bind": "1",
}
# The rules that are loaded are the file's: another network namespace says how nft writes them.
_RULES_DIFFER = """
wanted=$(unshare --net -- sh -c 'nft -f /etc/nftables.conf && nft -s list ruleset') || exit 1
there=$(nft -s list ruleset)
[ "$wanted" = "$there" ] && exit 0
printf '%s\\n' "$wanted" > /run/stillhere-rules.wanted
printf '%s\\n' "$there" | diff -u --label there --label wanted - /run/stillhere-rules.wanted
exit 1
"""


def resources(
    fleet: Fleet, host: Host, machine: Machine, secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return the resources of every role, in order."""
    return (
        *(Package(name) for name in PACKAGES),
        User("stillhere", home="/var/lib/stillhere-app"),
        # 1 for others: nginx has to see whether `maintenance` is there. No secret rests on it.
        Directory("/etc/stillhere", mode=0o751, group="stillhere"),
        *reporting.resources(fleet, host, secrets),
        *_ssh(fleet, host),
        *_firewall(fleet, host),
        *_time(fleet, machine),
        *_updates(),
        *_journal(),
        *_kernel(),
        *_figures(fleet, host),
        File(
            "/etc/stillhere/canary",
            secrets["canary"] + "\n",
            mode=0o600,
            secret=True,
        ),
    )


def _ssh(fleet: Fleet, host: Host) -> tuple[Resource, ...]:
    drop_in = "/etc/ssh/sshd_config.d/00-stillhere.conf"
    let_in = f"{ROOT_HOME}/.ssh/authorized_keys"
    operators = (f"{one.key} {one.name}\n" for one in fleet.operators)
    keys = "".join((*operators, *renewal.keys_of_balancers(fleet, host)))
    return (
        Directory(f"{ROOT_HOME}/.ssh", mode=0o700),
        File(let_in, keys, mode=0o600),
        File(drop_in, render("sshd.conf", port=SSH.port), validate=("sshd", "-t", "-f", "{}")),
        # It reads the keys at every login; they stand here since they, too, can lock us out.
        Unit("ssh.service", reads=(drop_in, let_in), on_change="reload", guarded=True),
    )


def _firewall(fleet: Fleet, host: Host) -> tuple[Resource, ...]:
    more = MORE_RULES if host.role is Role.DATABASE else ""
    rules = render("nftables.conf", openings=openings(fleet, host), more=more)
    path = "/etc/nftables.conf"
    return (
        *((Directory(more),) if more else ()),
        File(path, rules, mode=0o755, validate=("nft", "--check", "--file", "{}")),
        Unit("nftables.service", reads=(path,), on_change="reload", guarded=True),
        Command(
            "firewall-is-as-written",
            check=("sh", "-c", _RULES_DIFFER),
            run=("nft", "--file", path),
        ),
    )


def _time(fleet: Fleet, machine: Machine) -> tuple[Resource, ...]:
    path = "/etc/systemd/timesyncd.conf.d/stillhere.conf"
    return (
        File(path, render("timesyncd.conf", servers=fleet.time_servers)),
        # A container has the clock of its machine; systemd does not start it there.
        Unit("systemd-timesyncd.service", reads=(path,), running=not machine.container or None),
    )


def _updates() -> tuple[Resource, ...]:
    return (
        File("/etc/apt/apt.conf.d/52stillhere", render("unattended-upgrades.conf")),
        Unit("unattended-upgrades.service"),
    )


def _journal() -> tuple[Resource, ...]:
    path = "/etc/systemd/journald.conf.d/stillhere.conf"
    return (
        Directory("/var/log/journal", mode=0o2755, group="systemd-journal"),
        File(path, render("journald.conf")),
        Unit("systemd-journald.service", enabled=None, reads=(path,)),
    )


def _kernel() -> tuple[Resource, ...]:
    lines = "".join(f"{name} = {value}\n" for name, value in SYSCTLS.items())
    return (
        File("/etc/sysctl.d/60-stillhere.conf", lines),
        *(Sysctl(name, value) for name, value in SYSCTLS.items()),
    )


def _figures(fleet: Fleet, host: Host) -> tuple[Resource, ...]:
    path = "/etc/default/prometheus-node-exporter"
    address = f"{host.address}:{NODE_METRICS.port}"
    textfiles = backups.FIGURES if host == backups.keeper(fleet) else ""
    return (
        File(path, render("node-exporter", address=address, textfiles=textfiles)),
        Unit("prometheus-node-exporter.service", reads=(path,)),
    )
