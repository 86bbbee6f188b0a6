"""All database hosts are asked at once how they stand: here."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from ops.databases.node import Node, node_of
from ops.errors import ChangeFailed, HostError
from ops.reading import MOST_AT_ONCE, Sessions
from provisioning.fleet import Host
from provisioning.flows import POSTGRESQL

ASK_SECONDS = 60

Nodes = Mapping[str, Node | str]  # by host; a text says why there is none


def read_node(sessions: Sessions, host: Host) -> Node:
    """Ask one host. HostError when it does not answer."""
    said = sessions.of(host).ask("cluster", answer_seconds=ASK_SECONDS, port=POSTGRESQL.port)
    try:
        return node_of(host.name, said)
    except (KeyError, TypeError, ValueError) as error:
        raise ChangeFailed(f"{host.name}: its answer is not understood: {error!r}.") from None


def read_nodes(sessions: Sessions, hosts: Iterable[Host]) -> dict[str, Node | str]:
    """Ask them at once. Locked when another operator holds one of them."""

    def read(host: Host) -> tuple[str, Node | str]:
        try:
            return host.name, read_node(sessions, host)
        except HostError as error:
            return host.name, str(error)

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return dict(pool.map(read, hosts))
