"""The cables: a switch namespace with two bridges, one cable to each host, one to the machine.

The machine gets an address of the lab's and a route to it, so that plain ssh,
fabric and any other client just work on the inventory's addresses; entering a
namespace for each connection would need a proxy command in every one of them.
The way back is closed: what a host begins towards the machine is dropped, and
the switch has no route to anything beyond. Nothing in the lab has a way out.
"""

import json
import time
from contextlib import suppress
from pathlib import Path

from ops.errors import LabError
from ops.lab.lock import holding
from ops.lab.machine import must, run
from ops.lab.plan import Lab, LabHost, Segment

NAMESPACES = Path("/run/netns")
# The lock of who makes or removes the folder of all namespaces.
_FIRST_AND_LAST = "stillhere-netns"
# Route; and where bridged frames pass the rules of routed ones, let them not.
_SETTINGS = """
cd /proc/sys/net
echo 1 >ipv4/ip_forward
echo 1 >ipv6/conf/all/forwarding
for setting in bridge/bridge-nf-call-*tables; do
    [ ! -e "$setting" ] || echo 0 >"$setting"
done
"""


def lay(lab: Lab) -> None:
    """Make the switch and the way to it, unless they are there."""
    if _is_laid(lab):
        return
    remove(lab)
    _refuse_taken_addresses(lab)
    with holding(_FIRST_AND_LAST, 30):
        must(["ip", "netns", "add", lab.switch])
    _batch(lab.switch, switch_links(lab))
    in_switch(lab, ["nft", "-f", "-"], stdin=machine_rules(lab))
    in_switch(lab, ["sh", "-c", _SETTINGS])
    _batch(
        None, [f"link add {lab.management} type veth peer name {lab.management} netns {lab.switch}"]
    )
    _batch(lab.switch, switch_end(lab))
    # The machine itself may do without IPv6; its address in the lab needs it.
    run(["sh", "-c", f"echo 0 >/proc/sys/net/ipv6/conf/{lab.management}/disable_ipv6"])
    # Its routes come last: that they are there says that all the rest is.
    _batch(None, machine_end(lab))


def plug_in(lab: Lab, host: LabHost, bridge: str) -> None:
    """Make the host's namespace with its addresses, and its cable into a bridge."""
    unplug(lab, host)
    must(["ip", "netns", "add", lab.namespace(host)])
    _batch(lab.switch, port_links(lab, host, bridge))
    _batch(lab.namespace(host), host_links(lab, host))


def unplug(lab: Lab, host: LabHost) -> None:
    """Remove the host's cable and its namespace, if they are there."""
    run(["ip", "-n", lab.switch, "link", "del", lab.port(host)])
    run(["ip", "netns", "del", lab.namespace(host)])


def remove(lab: Lab) -> None:
    """Remove every namespace and link of the lab, by its names alone."""
    run(["ip", "link", "del", lab.management])
    for namespace in NAMESPACES.glob(f"{lab.tag}-*"):
        if run(["ip", "netns", "del", namespace.name]).returncode != 0:
            # Left by an `ip netns add` that was killed before it mounted anything.
            namespace.unlink(missing_ok=True)
    _wait_until_gone(lab)
    with holding(_FIRST_AND_LAST, 30), suppress(OSError):
        # What the first `ip netns add` of the machine made; the last one's end leaves it.
        if not any(NAMESPACES.iterdir()):
            run(["umount", str(NAMESPACES)])
            NAMESPACES.rmdir()


def in_switch(lab: Lab, command: list[str], *, stdin: str = "") -> str:
    """Run a program in the switch namespace and return its output."""
    return must(["nsenter", f"--net={NAMESPACES / lab.switch}", *command], stdin=stdin)


def links_in_switch(lab: Lab) -> dict[str, bool]:
    """Return the interfaces of the switch, and whether each is on."""
    shown = run(["ip", "-n", lab.switch, "-json", "link"])
    if shown.returncode != 0:
        return {}
    return {link["ifname"]: "UP" in link["flags"] for link in json.loads(shown.stdout or "[]")}


def change_links(lab: Lab, lines: list[str]) -> None:
    """Apply lines of `ip -batch` in the switch."""
    _batch(lab.switch, lines)


def switch_links(lab: Lab) -> list[str]:
    """Return the lines of `ip -batch` that make the switch."""
    lines = ["link set lo up"]
    for segment in Segment:
        bridge, number = lab.bridge(segment), segment.number
        # Its own MAC, since a bridge otherwise takes that of whoever is plugged in.
        lines += [
            f"link add {bridge} address {lab.mac(segment, 1)} type bridge stp_state 0",
            f"link set {bridge} up",
            f"addr add {lab.gateway(number)}/24 dev {bridge}",
            f"addr add {lab.gateway6(number)}/64 dev {bridge} nodad",
        ]
    return lines


def switch_end(lab: Lab) -> list[str]:
    """Return the lines of `ip -batch`, in the switch, for the cable to the machine."""
    name = lab.management
    return [
        f"link set {name} up",
        f"addr add {lab.gateway(0)}/24 dev {name}",
        f"addr add {lab.gateway6(0)}/64 dev {name} nodad",
    ]


def machine_end(lab: Lab) -> list[str]:
    """Return the lines of `ip -batch`, outside, for the cable to the switch; routes last."""
    name = lab.management
    return [
        f"link set {name} up",
        f"addr add {lab.gateway(0, 2)}/24 dev {name}",
        f"addr add {lab.gateway6(0, 2)}/64 dev {name} nodad",
        f"route add {lab.network} via {lab.gateway(0)}",
        f"route add {lab.network6} via {lab.gateway6(0)}",
    ]


def machine_rules(lab: Lab) -> str:
    """Return the rules that let the machine into the lab and nothing out to the machine.

    Only that path is tracked: a load test between two hosts would fill the table.
    """
    four, six = f"{lab.gateway(0, 0)}/24", f"{lab.gateway6(0, 0)}/64"
    return f"""table inet {lab.management} {{
    chain untracked {{
        type filter hook prerouting priority raw; policy accept;
        ip saddr != {four} ip daddr != {four} notrack
        ip6 saddr != {six} ip6 daddr != {six} notrack
    }}
    chain forward {{
        type filter hook forward priority filter; policy accept;
        oifname "{lab.management}" ct state established,related accept
        oifname "{lab.management}" drop
    }}
}}
"""


def port_links(lab: Lab, host: LabHost, bridge: str) -> list[str]:
    """Return the lines of `ip -batch`, in the switch, that make a host's cable."""
    port, mac = lab.port(host), lab.mac(host.segment, host.number)
    peer = f"peer name eth0 address {mac} netns {lab.namespace(host)}"
    return [
        f"link add {port} type veth {peer}",
        f"link set {port} addrgenmode none master {bridge}",
        f"link set {port} up",
    ]


def host_links(lab: Lab, host: LabHost) -> list[str]:
    """Return the lines of `ip -batch`, in the host's namespace, that give it its addresses."""
    segment = host.segment.number
    return [
        "link set lo up",
        "link set eth0 up",
        f"addr add {lab.address(host)}/24 dev eth0",
        f"addr add {lab.address6(host)}/64 dev eth0 nodad",
        f"route add default via {lab.gateway(segment)}",
        f"route add default via {lab.gateway6(segment)}",
    ]


def _is_laid(lab: Lab) -> bool:
    routes = run(["ip", "-6", "route", "show", lab.network6, "dev", lab.management])
    return routes.returncode == 0 and bool(routes.stdout.strip())


def _refuse_taken_addresses(lab: Lab) -> None:
    """LabError when the machine has the lab's network already, another lab's for instance."""
    taken = must(["ip", "route", "show", "root", lab.network]).strip()
    if taken:
        why = f"This machine uses {lab.network} already ({taken.splitlines()[0]})"
        raise LabError(f"{why}. Choose another --prefix: it gives another network.")


def _batch(namespace: str | None, lines: list[str]) -> None:
    place = ["-n", namespace] if namespace else []
    must(["ip", *place, "-batch", "-"], stdin="\n".join(lines) + "\n")


def _wait_until_gone(lab: Lab) -> None:
    """Wait for the kernel, which removes the links of a namespace after the namespace."""
    deadline = time.monotonic() + 10
    while Path("/sys/class/net", lab.management).exists() and time.monotonic() < deadline:
        time.sleep(0.01)
