"""The comparison of what is open with what is declared, on many answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.inventory import read_fleet
from ops.net import (
    OPERATOR,
    Answer,
    Door,
    Family,
    Unused,
    Wrong,
    blind_families,
    doors,
    findings,
    ports_in_rules,
    ports_to_probe,
    should_be_open,
    without_listener,
)
from provisioning.fleet import Fleet
from provisioning.flows import SERVICES, openings
from tests.ops.inventories import ROLES, inventory

PORTS = (*(service.port for service in SERVICES), 4322)
DOORS = doors(dict.fromkeys(ROLES, PORTS))
OPEN = st.sampled_from([Answer.OPEN, Answer.REFUSED])
CLOSED = st.sampled_from([Answer.SILENT, Answer.PROHIBITED])


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    path = tmp_path_factory.mktemp("fleet") / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    return read_fleet(path)


def as_declared(fleet: Fleet) -> dict[Door, Answer]:
    return {door: Answer.OPEN if should_be_open(fleet, door) else Answer.SILENT for door in DOORS}


def test_every_host_and_the_operator_try_every_other_host() -> None:
    assert len(DOORS) == (8 * 7 + 8) * len(PORTS) * 2
    assert not any(door.source == door.target for door in DOORS)


@given(data=st.data())
def test_a_fleet_as_declared_has_no_findings_however_it_answers(
    fleet: Fleet, data: st.DataObject
) -> None:
    """Whether somebody listens, and how the firewall keeps one out, makes no difference."""
    is_open = {door: should_be_open(fleet, door) for door in DOORS}
    listens, drops = data.draw(OPEN), data.draw(CLOSED)
    answers = {door: listens if is_open[door] else drops for door in DOORS}
    assert findings(fleet, answers) == ()


@given(chosen=st.sets(st.sampled_from(DOORS), min_size=1, max_size=20), data=st.data())
def test_every_wrong_door_is_in_exactly_one_finding_and_no_other_is(
    fleet: Fleet, chosen: set[Door], data: st.DataObject
) -> None:
    answers = as_declared(fleet)
    for door in chosen:
        answers[door] = data.draw(CLOSED if should_be_open(fleet, door) else OPEN)
    found = findings(fleet, answers)
    told = [
        Door(one.source, one.target, one.port, family) for one in found for family in one.families
    ]
    assert len(told) == len(set(told))
    assert set(told) == chosen
    for one in found:
        first = Door(one.source, one.target, one.port, one.families[0])
        assert (one.wrong is Wrong.CLOSED) == should_be_open(fleet, first)


def test_a_mistyped_port_is_told_with_both_lines(fleet: Fleet) -> None:
    """The incident: 4322 for 5432 in the rules of one database host."""
    answers = as_declared(fleet)
    for door in DOORS:
        if door.target == "db1" and door.source in ("app1", "app2", "app3", "db2"):
            if door.port == 5432:
                answers[door] = Answer.SILENT
            if door.port == 4322:
                answers[door] = Answer.REFUSED
    found = findings(fleet, answers)
    both = (Family.IPV4, Family.IPV6)
    assert [(one.wrong, one.source, one.target, one.port, one.service) for one in found] == [
        *((Wrong.CLOSED, name, "db1", 5432, "postgresql") for name in ("app1", "app2", "app3")),
        (Wrong.CLOSED, "db2", "db1", 5432, "postgresql"),
        *((Wrong.OPEN, name, "db1", 4322, "") for name in ("app1", "app2", "app3", "db2")),
    ]
    assert all(one.families == both for one in found)


def test_what_is_open_by_one_family_only_says_which(fleet: Fleet) -> None:
    answers = as_declared(fleet)
    answers[Door("lb1", "db1", 5432, Family.IPV6)] = Answer.OPEN
    (one,) = findings(fleet, answers)
    assert (one.wrong, one.source, one.families) == (Wrong.OPEN, "lb1", (Family.IPV6,))


def test_an_operator_may_reach_ssh_and_what_the_world_may_and_nothing_else(fleet: Fleet) -> None:
    ours = [door for door in DOORS if door.source == OPERATOR and should_be_open(fleet, door)]
    assert {(door.target[:2], door.port) for door in ours} == {
        ("lb", 22), ("lb", 80), ("lb", 443), ("ap", 22), ("db", 22), ("ob", 22),
    }  # fmt: skip


def test_an_open_door_without_a_listener_is_a_note(fleet: Fleet) -> None:
    answers = as_declared(fleet)
    answers[Door("app2", "db1", 5432, Family.IPV4)] = Answer.REFUSED
    answers[Door("app2", "db2", 5432, Family.IPV4)] = Answer.REFUSED
    answers[Door("db1", "db2", 4322, Family.IPV4)] = Answer.REFUSED  # a finding, no note
    assert without_listener(fleet, answers) == (Unused(5432, (Family.IPV4,), ("db1", "db2")),)


def test_a_family_by_which_nobody_answers_the_operator_is_not_judged(fleet: Fleet) -> None:
    answers = as_declared(fleet)
    assert blind_families(answers) == ()
    for door in DOORS:
        if door.source == OPERATOR and door.family is Family.IPV6:
            answers[door] = Answer.SILENT
    assert blind_families(answers) == (Family.IPV6,)


def rule(*expressions: object) -> dict[str, object]:
    return {"rule": {"family": "inet", "table": "t", "chain": "c", "expr": list(expressions)}}


DPORT = {"payload": {"protocol": "tcp", "field": "dport"}}
SADDR = {"payload": {"protocol": "ip", "field": "saddr"}}


@pytest.mark.parametrize(
    ("expression", "ports"),
    [
        ({"match": {"op": "==", "left": DPORT, "right": 4322}}, {4322}),
        ({"match": {"op": "==", "left": DPORT, "right": {"set": [22, 80]}}}, {22, 80}),
        ({"match": {"op": "==", "left": DPORT, "right": {"range": [10, 12]}}}, {10, 11, 12}),
        ({"match": {"op": "==", "left": DPORT, "right": {"range": [1, 65535]}}}, {1, 65535}),
        (
            {"match": {"op": "==", "left": DPORT, "right": {"set": [22, {"range": [30, 31]}]}}},
            {22, 30, 31},
        ),
        ({"match": {"op": "==", "left": DPORT, "right": "@named"}}, {7001, 7002}),
        ({"match": {"op": "==", "left": DPORT, "right": "@unknown"}}, set()),
        ({"vmap": {"key": DPORT, "data": {"set": [[22, {"accept": None}]]}}}, {22}),
        ({"vmap": {"key": DPORT, "data": "@verdicts"}}, {7003}),
        (
            {
                "match": {
                    "op": "==",
                    "left": {"concat": [SADDR, DPORT]},
                    "right": {"set": [{"concat": ["10.0.0.1", 5433]}]},
                }
            },
            {5433},
        ),
        ({"match": {"op": "==", "left": {"payload": {"protocol": "th", "field": "dport"}},
                    "right": 53}}, {53}),
        ({"match": {"op": "==", "left": {"payload": {"protocol": "udp", "field": "dport"}},
                    "right": 53}}, set()),
        ({"match": {"op": "==", "left": SADDR, "right": "10.0.0.1"}}, set()),
        ({"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["new"]}}, set()),
        ({"accept": None}, set()),
    ],
)  # fmt: skip
def test_the_ports_of_a_rule_are_found(expression: object, ports: set[int]) -> None:
    named = {"set": {"name": "named", "elem": [7001, {"elem": {"val": 7002, "timeout": 60}}]}}
    verdicts = {"map": {"name": "verdicts", "elem": [[7003, {"accept": None}]]}}
    rules = {"nftables": [{"metainfo": {}}, named, verdicts, rule(expression)]}
    assert set(ports_in_rules(rules)) == ports


def test_the_catalogue_is_always_tried(fleet: Fleet) -> None:
    assert ports_to_probe({}, []) == tuple(sorted(service.port for service in SERVICES))
    assert set(ports_to_probe({}, [6000])) == {*(service.port for service in SERVICES), 6000}
    for host in fleet.hosts:
        needed = {opening.service.port for opening in openings(fleet, host)}
        assert needed <= set(ports_to_probe({}, []))
