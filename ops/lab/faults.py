"""What can go wrong with a cable: cut, loss, delay, and hosts that do not hear each other.

All of it is done in the switch, where a host's own `flush ruleset` cannot undo
it, and read back from there: there is no list of faults that could be wrong.
Loss, delay and blocks stay with the cable when a host is switched off and on.
"""

import re
import sys
import time
from pathlib import Path

from ops.errors import LabError
from ops.lab import cgroups, network
from ops.lab.machine import run
from ops.lab.plan import HOSTS, Lab, LabHost

_RELAY = Path(__file__).with_name("relay.py")
_MOST_DELAY_MS = 10_000
_TAPS_WITHIN_SECONDS = 5.0


def cut(lab: Lab, host: LabHost) -> None:
    """Take the host's cable out; the host itself goes on."""
    _refuse_without_cable(lab, host)
    network.change_links(lab, [f"link set {lab.port(host)} down"])


def uncut(lab: Lab, host: LabHost) -> None:
    """Put the host's cable in again."""
    _refuse_without_cable(lab, host)
    network.change_links(lab, [f"link set {lab.port(host)} up"])


def lose(lab: Lab, host: LabHost, percent: int) -> None:
    """Lose so many of a hundred frames, each way; 0 is none."""
    if not 0 <= percent <= 100:
        raise LabError(f"{percent} % cannot be lost; say 0 to 100.")
    old = [name for name in _tables(lab) if name.startswith(f"{lab.prefix}-loss-{host.name}-")]
    rules = _removal(old)
    if percent:
        name = f"{lab.prefix}-loss-{host.name}-{percent}"
        rules += loss_rules(name, lab.port(host), percent)
    _apply(lab, rules)


def block(lab: Lab, one: LabHost, other: LabHost) -> None:
    """Keep two hosts from hearing each other, both ways; all others hear both."""
    if one == other:
        raise LabError(f"{one.name} cannot be blocked from itself.")
    first, second = sorted((one, other), key=lambda host: host.name)
    name = f"{lab.prefix}-block-{first.name}-{second.name}"
    old = _removal([table for table in _tables(lab) if table == name])
    _apply(lab, old + block_rules(lab, name, first, second))


def block_port(lab: Lab, one: LabHost, other: LabHost, port: int) -> None:
    """Keep one host from a TCP port of another; all else goes on, silently for who asks."""
    if not 0 < port < 65_536:
        raise LabError(f"{port} is no port; say 1 to 65535.")
    name = f"{lab.prefix}-port-{one.name}-{other.name}.{port}"
    old = _removal([table for table in _tables(lab) if table == name])
    _apply(lab, old + port_rules(lab, name, one, other, port))


def delay(lab: Lab, host: LabHost, milliseconds: int) -> None:
    """Hold every frame back for so long, each way: a round trip takes twice that. 0 is none."""
    if not 0 <= milliseconds <= _MOST_DELAY_MS:
        raise LabError(f"{milliseconds} ms is no delay; say 0 to {_MOST_DELAY_MS}.")
    _undelay(lab, host)
    if milliseconds:
        _lay_relay(lab, host, milliseconds)


def clear(lab: Lab) -> None:
    """Mend all cables of the lab."""
    _apply(lab, _removal(_fault_tables(lab)))
    links = network.links_in_switch(lab)
    for host in HOSTS:
        if _delays(lab, host) or f"{lab.port(host)}.d" in links:
            _undelay(lab, host)
        if links.get(lab.port(host)) is False:
            uncut(lab, host)


def faults_of(lab: Lab) -> dict[str, list[str]]:
    """Return what is wrong with each host's cable, in words, by host name."""
    found: dict[str, list[str]] = {host.name: [] for host in HOSTS}
    links = network.links_in_switch(lab)
    for host in HOSTS:
        if links.get(lab.port(host)) is False:
            found[host.name].append("cut")
        found[host.name] += [f"delay {name.split('-')[-1]} ms" for name in _delays(lab, host)]
    for table in _fault_tables(lab):
        _, kind, name, detail = table.split("-")
        if kind == "loss":
            found[name].append(f"loss {detail} %")
        elif kind == "port":
            target, _, port = detail.partition(".")
            found[name].append(f"blocked {target} port {port}")
        else:
            found[name].append(f"blocked {detail}")
            found[detail].append(f"blocked {name}")
    return found


def loss_rules(table: str, port: str, percent: int) -> str:
    """Return the nft rules; older nft wants each closing brace on its own line."""
    drop = f"numgen random mod 100 < {percent} drop" if percent < 100 else "drop"
    return _table(table, f'iifname "{port}" {drop}', f'oifname "{port}" {drop}')


def block_rules(lab: Lab, table: str, one: LabHost, other: LabHost) -> str:
    """Return the nft rules; by hardware address too, for what is not IP."""
    rules = []
    for source, target in ((one, other), (other, one)):
        comes = f'iifname "{lab.port(source)}"'
        rules += [
            f"{comes} ether daddr {lab.mac(target.segment, target.number)} drop",
            f"{comes} ip daddr {lab.address(target)} drop",
            f"{comes} ip6 daddr {lab.address6(target)} drop",
            f"{comes} arp daddr ip {lab.address(target)} drop",
        ]
    return _table(table, "\n".join(rules), "")


def port_rules(lab: Lab, table: str, one: LabHost, other: LabHost, port: int) -> str:
    """Return the nft rules: no answer ever comes to what is sent there."""
    comes = f'iifname "{lab.port(one)}"'
    rules = (
        f"{comes} ip daddr {lab.address(other)} tcp dport {port} drop",
        f"{comes} ip6 daddr {lab.address6(other)} tcp dport {port} drop",
    )
    return _table(table, "\n".join(rules), "")


def _table(name: str, arriving: str, leaving: str) -> str:
    chains = (("prerouting", arriving), ("postrouting", leaving))
    hooks = [
        f"chain {hook} {{\ntype filter hook {hook} priority -300; policy accept;\n{rules}\n}}"
        for hook, rules in chains
        if rules
    ]
    return f"table bridge {name} {{\n" + "\n".join(hooks) + "\n}\n"


def _removal(tables: list[str]) -> str:
    return "".join(f"delete table bridge {table}\n" for table in tables)


def _apply(lab: Lab, rules: str) -> None:
    if rules:
        network.in_switch(lab, ["nft", "-f", "-"], stdin=rules)


def _tables(lab: Lab) -> list[str]:
    shown = run(
        ["nsenter", f"--net={network.NAMESPACES / lab.switch}", "nft", "list", "tables", "bridge"]
    )
    return re.findall(r"^table bridge (\S+)$", shown.stdout, re.MULTILINE)


def _fault_tables(lab: Lab) -> list[str]:
    kinds = tuple(f"{lab.prefix}-{kind}-" for kind in ("loss", "block", "port"))
    return [table for table in _tables(lab) if table.startswith(kinds)]


def _delays(lab: Lab, host: LabHost) -> list[str]:
    """Return the names of the cgroups of relays on the host's cable; at most one."""
    return [path.name for path in cgroups.top(lab).glob(f"delay-{host.name}-*")]


def _lay_relay(lab: Lab, host: LabHost, milliseconds: int) -> None:
    """Put a relay into the cable: port, bridge of its own, tap, program, tap, segment."""
    port = lab.port(host)
    near, far, joint = f"{port}.a", f"{port}.b", f"{port}.d"
    cgroup = cgroups.made(lab, f"delay-{host.name}-{milliseconds}")
    program = [sys.executable, "-I", str(_RELAY), near, far, str(milliseconds / 1000)]
    entered = ["nsenter", f"--net={network.NAMESPACES / lab.switch}", *program]
    cgroups.launch(cgroup, entered, lab.folder(host) / "relay.log")
    _wait_for_taps(lab, {near, far})
    lines = [f"link add {joint} type bridge stp_state 0"]
    lines += [f"link set {name} addrgenmode none" for name in (joint, near, far)]
    lines += [
        f"link set {near} master {joint}",
        f"link set {far} master {lab.bridge(host.segment)}",
    ]
    lines += [f"link set {name} up" for name in (near, far, joint)]
    if port in network.links_in_switch(lab):
        lines.append(f"link set {port} master {joint}")
    network.change_links(lab, lines)


def _undelay(lab: Lab, host: LabHost) -> None:
    port = lab.port(host)
    links = network.links_in_switch(lab)
    if f"{port}.d" in links:
        home = [f"link set {port} master {lab.bridge(host.segment)}"] if port in links else []
        network.change_links(lab, [*home, f"link del {port}.d"])
    for name in _delays(lab, host):
        cgroups.end(cgroups.top(lab) / name)


def _wait_for_taps(lab: Lab, names: set[str]) -> None:
    deadline = time.monotonic() + _TAPS_WITHIN_SECONDS
    while not names <= set(network.links_in_switch(lab)):
        if time.monotonic() > deadline:
            raise LabError("The relay that delays did not start. Is /dev/net/tun there?")
        time.sleep(0.02)


def _refuse_without_cable(lab: Lab, host: LabHost) -> None:
    if lab.port(host) not in network.links_in_switch(lab):
        raise LabError(f"{host.name} is off and has no cable. `fab lab.start {host.name}` first.")
