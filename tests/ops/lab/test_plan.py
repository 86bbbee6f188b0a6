import ipaddress
import string

import pytest

from ops.errors import LabError
from ops.lab.plan import HOSTS, Lab, Segment, chosen_hosts, lab_named

LONGEST = "abcdef"
LONGEST_INTERFACE = 15


def test_the_prefix_lab_is_the_fleet_lab_and_others_are_told_apart() -> None:
    assert lab_named("lab").fleet == "lab"
    assert lab_named("p").fleet == "lab-p"


def test_the_directory_is_the_one_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STILLHERE_LAB_DIR", "/somewhere/labs")
    assert str(lab_named("p").home) == "/somewhere/labs/lab-p"


@pytest.mark.parametrize("prefix", ["", "seven77", "UP", "1a", "a-b", "a/b", "a b", "a.b", "ab\n"])
def test_a_prefix_that_makes_no_good_names_is_refused(prefix: str) -> None:
    with pytest.raises(LabError, match="1 to 6 characters"):
        lab_named(prefix)


def test_interface_names_fit_the_kernel() -> None:
    lab = lab_named(LONGEST)
    names = [lab.management, *(lab.bridge(segment) for segment in Segment)]
    names += [f"{lab.port(host)}.d" for host in HOSTS]
    assert [name for name in names if len(name) > LONGEST_INTERFACE] == []


def test_every_name_on_the_machine_carries_the_prefix_and_none_is_another_labs() -> None:
    assert _names(lab_named("lab")) & _names(lab_named("lab2")) == set()
    assert all("-lab2-" in f"-{name}-" for name in _names(lab_named("lab2")))
    # A sweep by `stillhere-lab-*` finds nothing of another one.
    assert not any(name.startswith("stillhere-lab-") for name in _names(lab_named("lab2")))


def test_no_two_hosts_share_an_address_or_a_mac() -> None:
    lab = lab_named("lab")
    for values in (
        [lab.address(host) for host in HOSTS],
        [lab.address6(host) for host in HOSTS],
        [lab.mac(host.segment, host.number) for host in HOSTS],
    ):
        assert len(set(values)) == len(HOSTS)


@pytest.mark.parametrize("prefix", ["lab", *string.ascii_lowercase])
def test_all_addresses_lie_in_the_labs_networks(prefix: str) -> None:
    lab = lab_named(prefix)
    four, six = ipaddress.ip_network(lab.network), ipaddress.ip_network(lab.network6)
    assert four.is_private
    assert six.is_private
    for host in HOSTS:
        assert ipaddress.ip_address(lab.address(host)) in four
        assert ipaddress.ip_address(lab.address6(host)) in six
    assert ipaddress.ip_address(lab.gateway(0, 2)) in four
    assert ipaddress.ip_address(lab.gateway6(0, 2)) in six


def test_the_default_lab_has_a_network_that_no_other_prefix_gets() -> None:
    others = {lab_named(f"{one}{two}").number for one in "abcxyz" for two in "0123456789"}
    assert lab_named("lab").number not in others


def test_hosts_are_chosen_by_name_and_a_typo_is_told_which_there_are() -> None:
    lab = lab_named("lab")
    assert chosen_hosts(lab, "") == HOSTS
    assert [host.name for host in chosen_hosts(lab, "db1, lb1")] == ["db1", "lb1"]
    with pytest.raises(LabError, match=r"no host 'db9'.*db1, db2"):
        chosen_hosts(lab, "db9")


def _names(lab: Lab) -> set[str]:
    names = {lab.switch, lab.management, *(lab.bridge(segment) for segment in Segment)}
    names |= {lab.namespace(host) for host in HOSTS} | {lab.port(host) for host in HOSTS}
    return names | {lab.tag}
