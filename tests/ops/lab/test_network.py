import socket

import pytest

from ops.errors import LabError
from ops.lab import hosts, network
from ops.lab.plan import HOSTS, Lab, lab_named
from tests.ops.lab.traffic import reaches


def test_a_cable_joins_a_port_of_the_switch_to_a_host_with_a_mac_that_stays() -> None:
    lab = lab_named("p")
    database = lab.host("db1")
    made = "\n".join(network.port_links(lab, database, lab.bridge(database.segment)))
    assert "link add p-db1 type veth peer name eth0 address" in made
    assert lab.mac(database.segment, database.number) in made
    assert made == "\n".join(network.port_links(lab, database, "p-inside"))


def test_a_host_gets_both_addresses_and_both_default_routes() -> None:
    lab = lab_named("lab")
    given = network.host_links(lab, lab.host("obs1"))
    assert "addr add 10.77.2.41/24 dev eth0" in given
    assert "addr add fd00:10:77:2::41/64 dev eth0 nodad" in given
    assert "route add default via 10.77.2.1" in given
    assert "route add default via fd00:10:77:2::1" in given


@pytest.mark.lab
@pytest.mark.parametrize("six", [False, True], ids=["v4", "v6"])
def test_hosts_reach_each_other_inside_and_across(lab: Lab, six: bool) -> None:
    for source, target in (("app1", "db1"), ("lb1", "obs1"), ("client", "lb2"), ("db2", "world")):
        assert reaches(lab, source, target, six=six), f"{source} -> {target}"


@pytest.mark.lab
def test_a_host_cannot_begin_anything_towards_the_machine_or_beyond(lab: Lab) -> None:
    with (
        socket.create_server(("", 0)) as server,
        socket.create_server(("::", 0), family=socket.AF_INET6) as server6,
    ):
        ports = (server.getsockname()[1], server6.getsockname()[1])
        places = zip((lab.gateway(0, 2), lab.gateway6(0, 2)), ports, strict=True)
        for place, port in [*places, ("192.0.2.1", 80), ("2001:db8::1", 80)]:
            # The machine itself gets through, so that the answer below is the lab's.
            attempt = f"import socket; socket.create_connection(({place!r}, {port}), 1)"
            done = hosts.execute(lab, lab.host("client"), ["python3", "-c", attempt])
            assert done.returncode != 0, f"{place} was reached"


@pytest.mark.lab
def test_two_labs_that_would_have_the_same_network_are_kept_apart(lab: Lab) -> None:
    twins = (lab_named(f"q{number}") for number in range(10_000))
    twin = next(one for one in twins if one.number == lab.number)
    with pytest.raises(LabError, match="Choose another --prefix"):
        network.lay(twin)
    assert twin.switch not in [path.name for path in network.NAMESPACES.iterdir()]
    assert reaches(lab, HOSTS[0].name, HOSTS[1].name)
