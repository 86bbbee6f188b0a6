"""What a deploy decides before it touches anything, from what hosts say."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from haproxy.stats import Admin, Report
from ops.agent import deploying
from ops.deploy.balancers import Line, nobody_else
from ops.deploy.plan import made_plan, reasons_against
from ops.deploy.standing import Standing, to_be_afterwards
from ops.deploy.summary import Found, next_commands, release_before, troubles
from ops.deploy.watching import judged
from ops.errors import Refused
from ops.release import Kept, OnHost
from ops.release.hosts import before_and_left
from provisioning.fleet import Fleet, Host, Role
from provisioning.flows import RECEIVER
from provisioning.roles import app_server

OLD, NEW, OLDER = "a" * 12, "b" * 12, "c" * 12
UNITS = ("pages", "receiver")


def host(name: str, role: Role) -> Host:
    return Host(name, role, "dc", f"10.0.0.{len(name)}", "::1", "")


HOSTS = (
    host("lb1", Role.LOAD_BALANCER),
    host("app1", Role.APP_SERVER),
    host("app2", Role.APP_SERVER),
    host("db1", Role.DATABASE),
    host("obs1", Role.OBSERVER),
)
FLEET = Fleet("f", "site", "pings", HOSTS, (), Path("f.toml"))


def standing(name: str, current: str = OLD, previous: str = OLDER, running: str = "") -> Standing:
    one = FLEET.host(name)
    kept = tuple(Kept(each, "", "p", 0.0) for each in (OLDER, OLD, NEW))
    when = datetime(2026, 1, 1, 2 if current == NEW else 1, tzinfo=UTC)
    on = OnHost("3.13", "x86_64", kept, ("p",), current, previous, when, "a@b")
    units = {unit: {"active": "active", "release": running or current} for unit in UNITS}
    return Standing(one, on, True, {}, None, units, "writable" if name == "db1" else "")


def report(server: str, **changed: Any) -> Report:
    one = Report("pages", server, "UP", Admin.READY, "", 0, 9, 0, 0)
    return replace(one, **changed)


def all_of_them() -> dict[str, Standing | str]:
    return {one.name: standing(one.name) for one in HOSTS}


BARE = OnHost("3.13", "x86_64", (), (), "", "", None, "")
SEEN = {"lb1": (report("app1"), report("app2"))}


def test_databases_and_observer_come_before_application_servers() -> None:
    found = {one.name: standing(one.name) for one in HOSTS}
    plan = made_plan(NEW, found)
    assert [one.host.name for one in plan.work] == ["db1", "obs1", "app1", "app2"]


@pytest.mark.parametrize(
    "changed",
    [
        {"mark": {"by": "somebody"}},
        {"units": {"pages": {"active": "active", "release": OLD}}},
        {"units": {"pages": {"active": "failed", "release": ""}}},
    ],
)
def test_a_link_alone_is_not_a_release_that_runs(changed: Mapping[str, Any]) -> None:
    done = standing("app1", NEW, OLD)
    assert made_plan(NEW, {"app1": done}).work == ()
    begun = replace(done, **changed)
    assert made_plan(NEW, {"app1": begun}).work == (begun,)
    assert begun.before(NEW) == OLD


def test_nothing_speaks_against_a_fleet_that_is_well() -> None:
    assert reasons_against(FLEET, frozenset(), all_of_them(), SEEN) == []


@pytest.mark.parametrize(
    ("name", "said", "words"),
    [
        ("app2", "app2: no answer.", "--without app2"),
        ("app2", replace(standing("app2"), applied=False), "never applied"),
        ("db1", replace(standing("db1"), database="standby"), "Exactly one database"),
    ],
)
def test_it_is_refused_with_the_reason(name: str, said: Standing | str, words: str) -> None:
    found = all_of_them() | {name: said}
    (reason,) = reasons_against(FLEET, frozenset(), found, SEEN)
    assert words in reason


def test_two_writable_databases_are_refused() -> None:
    found = all_of_them() | {"obs1": replace(standing("db1"), database="writable")}
    assert any("Exactly one" in one for one in reasons_against(FLEET, frozenset(), found, SEEN))


def test_a_server_that_balancers_do_not_know_is_refused() -> None:
    (reason,) = reasons_against(FLEET, frozenset(), all_of_them(), {"lb1": (report("app1"),)})
    assert reason == "lb1 does not know app2: fab apply first."


def test_a_balancer_that_was_told_something_else_is_no_start() -> None:
    """One that was off came back with an old word: which one is meant, nobody can know."""
    out = replace(SEEN["lb1"][0], admin=Admin.MAINTENANCE)
    seen = SEEN | {"lb2": (out, SEEN["lb1"][1])}
    (reason,) = reasons_against(FLEET, frozenset(), all_of_them(), seen)
    assert reason.startswith("app1: maint on lb2; ready on lb1. fab lb.ready app1")
    cut_off = all_of_them() | {"app1": replace(standing("app1"), mark={"by": "somebody"})}
    assert reasons_against(FLEET, frozenset(), cut_off, seen) == []


def test_the_last_that_serves_is_known() -> None:
    app1 = FLEET.host("app1")
    assert nobody_else(SEEN, app1) == []
    seen = {"lb1": (report("app1"), report("app2", status="DOWN"))}
    assert nobody_else(seen, app1) == ["lb1 pages"]
    down = {"lb1": (report("app1", status="DOWN"), report("app2", status="DOWN"))}
    assert nobody_else(down, app1) == []


def test_a_hands_word_holds_and_a_procedures_does_not() -> None:
    app1 = FLEET.host("app1")
    out = {"lb1": (report("app1", admin=Admin.MAINTENANCE),)}
    assert to_be_afterwards(out, app1, {}) is Admin.MAINTENANCE
    assert to_be_afterwards(out, app1, {"afterwards": "ready"}) is Admin.READY
    assert to_be_afterwards(out, app1, {"afterwards": "drain"}) is Admin.DRAIN


def lines(**changed: Any) -> dict[str, Line]:
    return {"lb1 pages/app1": Line("lb1", report("app1", **changed))}


@pytest.mark.parametrize(
    ("requests", "errors", "is_wrong"),
    [(1_000, 21, True), (1_000, 20, False), (1, 1, False), (2, 2, True), (0, 0, False)],
)
def test_too_many_errors_are_red(requests: int, errors: int, is_wrong: bool) -> None:
    before = lines(requests=500, errors=7)
    now = lines(requests=500 + requests, errors=7 + errors)
    counted, why = judged(before, now)
    assert (counted, bool(why)) == (requests, is_wrong)


def test_a_balancer_that_was_reloaded_counts_anew() -> None:
    assert judged(lines(requests=500, errors=50), lines(requests=10, errors=0)) == (10, "")


def test_a_server_that_goes_down_is_red() -> None:
    assert "went down" in judged(lines(), lines(status="DOWN"))[1]


def test_the_release_before_is_that_of_the_newest_switch() -> None:
    whole = [standing("app1", NEW, OLD), standing("app2", NEW, OLD)]
    assert release_before(whole) == OLD
    half = [standing("app1", NEW, OLD), standing("app2", OLD, OLDER)]
    assert release_before(half) == OLD
    tried = standing("db1", NEW, "d" * 12)  # which application servers had put back
    assert release_before([*whole, tried]) == OLD
    with pytest.raises(Refused, match="Which release"):
        release_before([standing("app1", NEW, OLD), standing("app2", NEW, OLDER)])


def at(one: Standing, hour: int, left: str = "") -> Standing:
    """Return it with another time of its last switch, and what that one went back from."""
    when = datetime(2026, 1, 1, hour, tzinfo=UTC)
    return replace(one, on=replace(one.on, since=when, left=left))


def test_a_rollback_that_was_cut_off_goes_on_and_not_back_to_what_it_left() -> None:
    gone_back = at(standing("app1", OLD, OLDER), 3, left=NEW)
    assert release_before([gone_back, standing("app2", NEW, OLD)]) == OLD
    put_back = at(standing("app2", OLD, OLDER), 3, left=NEW)  # by a deploy that stopped there
    assert release_before([standing("app1", NEW, OLD), put_back]) == OLD


def test_a_second_rollback_does_not_bring_again_what_the_first_one_left() -> None:
    both = [at(standing(name, OLD, OLDER), 3, left=NEW) for name in ("app1", "app2")]
    with pytest.raises(Refused, match=f"{NEW} was gone back from.*{OLDER}.*--release"):
        release_before(both)


@pytest.mark.parametrize(
    ("switched", "before", "left"),
    [
        ("", "", ""),
        ("a", "", ""),
        ("aa", "", ""),
        ("ab", "a", ""),
        ("aba", "", "b"),
        ("abcb", "a", "c"),
        ("abcbd", "b", ""),
        ("abcba", "", "b"),
        ("abab", "a", ""),
    ],
)
def test_what_was_gone_back_from_is_no_release_before(
    switched: str, before: str, left: str
) -> None:
    assert before_and_left(switched) == (before, left)


def test_a_release_whose_deploy_was_cut_off_is_none_to_go_back_to() -> None:
    cut_off = replace(standing("app1", "d" * 12, OLDER), mark={"before": OLD})
    assert cut_off.before(NEW) == OLD
    assert cut_off.before("d" * 12) == OLD
    assert cut_off.before(OLD) == "d" * 12


def test_a_red_names_both_ways_out() -> None:
    found: Found = {"app1": standing("app1", NEW, OLD), "app2": "app2: no answer."}
    on, back = next_commands(FLEET, NEW, found)
    assert on.endswith(f"fab deploy --fleet f --commit {NEW} --without app2")
    assert back.endswith(f"fab deploy.rollback --fleet f --release {OLD} --without app2")


def test_agent_and_description_mean_the_same() -> None:
    """The agent is sent alone and can import neither."""
    units = {f"stillhere-receiver@{slot}.service" for slot in range(len(RECEIVER))}
    assert {one for one in deploying.SERVICES if "receiver" in one} == units
    assert {*deploying.SERVICES, deploying.SOCKET} - units == {
        f"stillhere-{name}" for name in app_server.UNITS if "@" not in name
    }
    assert deploying.MAINTENANCE == app_server.MAINTENANCE
    assert deploying.SETTINGS == app_server.SETTINGS


def test_a_mixed_fleet_is_no_success() -> None:
    found = all_of_them() | {"app2": standing("app2", NEW, OLD)}
    (mixed,) = (one for one in troubles(FLEET, found, SEEN) if one.startswith("Mixed"))
    assert OLD in mixed
    assert NEW in mixed
    assert list(troubles(FLEET, all_of_them(), SEEN)) == []


def test_that_nobody_answers_is_no_fleet_without_a_release() -> None:
    silent: Found = {one.name: f"{one.name}: no answer." for one in HOSTS}
    assert list(troubles(FLEET, silent, SEEN)) == list(silent.values())
    bare = {one.name: replace(standing(one.name), on=BARE) for one in HOSTS}
    (said,) = troubles(FLEET, bare, SEEN)
    assert said.startswith("No host has a release. fab deploy --fleet f")


def test_a_retired_server_is_no_mixture_and_says_how_it_comes_back() -> None:
    found = all_of_them()
    found["app2"] = replace(standing("app2", current=""), maintenance="retired by a@b since now\n")
    said = "\n".join(troubles(FLEET, found, SEEN))
    assert "Mixed" not in said
    assert "app2: retired by a@b since now. It may leave the inventory; or back: fab deploy" in said
