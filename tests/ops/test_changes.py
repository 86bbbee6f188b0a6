"""From what is there to what has to be done."""

import dataclasses
import hashlib
from typing import Any

import pytest

from ops.changes import Change, Verb, changes
from ops.facts import Observed, question
from provisioning.fleet import Machine
from provisioning.resources import (
    Command,
    Directory,
    File,
    Link,
    Package,
    Resource,
    Sysctl,
    Unit,
    User,
)

MACHINE = Machine("13", 2**30, 2, 20_000, True, (), "applied", 0.0)
FILE = File("/etc/motd", "hello\n")
UNIT = Unit("motd.service", reads=("/etc/motd",))


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def there(text: str = "hello\n", **changed: Any) -> dict[str, Any]:
    facts = {"is_file": True, "sha256": sha256(text), "text": text}
    return facts | {"mode": 0o644, "owner": "root", "group": "root"} | changed


def plan(*desired: Resource, **found: dict[str, Any]) -> tuple[Change, ...]:
    by_key = {resource.key: facts for resource, facts in zip(desired, found.values(), strict=False)}
    return changes(desired, Observed(MACHINE, by_key))


def verbs(found: tuple[Change, ...]) -> list[Verb]:
    return [change.verb for change in found]


def test_what_is_as_wanted_needs_nothing() -> None:
    assert plan(FILE, a=there()) == ()


def test_a_missing_file_is_created_and_shown() -> None:
    (change,) = plan(FILE, a={})
    assert change.verb is Verb.CREATE
    assert "+hello" in change.detail


def test_an_edited_file_is_shown_as_a_diff() -> None:
    (change,) = plan(FILE, a=there("hullo\n"))
    assert change.verb is Verb.UPDATE
    assert {"-hullo", "+hello"} <= set(change.detail)
    assert change.request["seen"] == sha256("hullo\n")


def test_a_file_that_a_package_of_the_plan_may_bring_is_replaced_all_the_same() -> None:
    _, alone = plan(Package("motd"), FILE, a={"version": ""}, b={})
    assert alone.request["seen"] is None
    _, edited = plan(Package("motd"), FILE, a={"version": ""}, b=there("hullo\n"))
    assert edited.request["seen"] == sha256("hullo\n")


def test_a_changed_mode_is_said_in_words() -> None:
    (change,) = plan(FILE, a=there(mode=0o600, owner="bin"))
    assert change.detail == ("mode 0600 -> 0644", "owner bin -> root")


def test_a_secret_is_in_no_detail_and_no_repr() -> None:
    secret = File("/etc/key", "hunter2\n", secret=True)
    (change,) = plan(secret, a=there("hunter1\n"))
    shown = f"{change.detail} {change!r} {secret!r}"
    assert "hunter" not in shown
    assert "hunter" not in str(question([secret]))
    assert change.request["content"] == "hunter2\n"


def test_a_file_that_has_to_go_is_removed_once() -> None:
    gone = File("/etc/old", None)
    assert verbs(plan(gone, a=there())) == [Verb.REMOVE]
    assert plan(gone, a={}) == ()


OWNED: dict[str, Any] = {"owner": "root", "group": "root"}
UP: dict[str, Any] = {"load": "loaded", "active": "active", "enabled": "enabled"}


def read_digest() -> str:
    """Return the digest that a unit has kept which has read FILE as it is wanted."""
    (change,) = plan(FILE, UNIT, a=there(), b=UP | {"read": "something else"})
    return str(change.request["read"]["motd.service"])


def test_a_unit_is_left_alone_when_it_has_read_what_is_wanted() -> None:
    assert plan(FILE, UNIT, a=there(), b=UP | {"read": read_digest()}) == ()


def test_a_unit_restarts_when_what_it_reads_changes() -> None:
    found = plan(FILE, UNIT, a=there("hullo\n"), b=UP | {"read": read_digest()})
    assert verbs(found) == [Verb.UPDATE, Verb.RESTART]


def test_an_apply_that_was_cut_short_is_finished_by_the_next() -> None:
    """The file is in place already, and the unit has not been told."""
    assert verbs(plan(FILE, UNIT, a=there(), b=UP | {"read": ""})) == [Verb.RESTART]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (UP | {"active": "inactive"}, [Verb.START]),
        (UP | {"active": "failed"}, [Verb.RESTART]),
        (UP | {"active": "failing"}, [Verb.RESTART]),
        (UP | {"enabled": "disabled"}, [Verb.ENABLE]),
        (UP | {"enabled": "disabled", "active": "inactive"}, [Verb.START]),
        (UP | {"enabled": "static"}, []),
        ({}, [Verb.START]),
    ],
)
def test_a_unit_is_brought_where_it_should_be(facts: dict[str, Any], said: list[Verb]) -> None:
    found = plan(Unit("a.service"), a=facts | {"read": ""})
    assert verbs(found) == said


def test_a_unit_that_waits_for_something_may_rest_until_it_is_there() -> None:
    """What it will read is noted, so that whoever starts it need not tell it."""
    unit = dataclasses.replace(UNIT, waits_for="/srv/release")
    waiting = UP | {"active": "inactive", "waits": True, "read": ""}
    (change,) = plan(FILE, unit, a=there(), b=waiting)
    assert change.request["steps"] == ["load"]
    read = change.request["read"]["motd.service"]
    assert plan(FILE, unit, a=there(), b=waiting | {"read": read}) == ()
    assert plan(FILE, unit, a=there(), b=UP | {"read": read, "waits": False}) == ()
    stopped = waiting | {"read": read, "waits": False}
    assert verbs(plan(FILE, unit, a=there(), b=stopped)) == [Verb.START]
    (change,) = plan(FILE, unit, a=there(), b=waiting | {"enabled": "disabled"})
    assert change.request["steps"] == ["enable"]


def test_a_unit_reloads_what_it_can_read_again_while_it_runs() -> None:
    hba = File("/etc/hba", "all\n")
    unit = Unit("db.service", reads=("/etc/motd",), rereads=("/etc/hba",))
    resources = (FILE, hba, unit)
    (first,) = plan(*resources, a=there(), b=there("all\n"), c=UP | {"active": "inactive"})
    assert set(first.request["read"]) == {"db.service", "db.service.reread"}
    read, reread = first.request["read"].values()
    known = UP | {"read": read, "reread": reread}
    assert plan(*resources, a=there(), b=there("all\n"), c=known) == ()
    file, told = plan(*resources, a=there(), b=there("none\n"), c=known)
    assert (file.request["stamps"], told.verb) == (["db.service.reread"], Verb.RELOAD)
    file, told = plan(*resources, a=there("hullo\n"), b=there("all\n"), c=known)
    assert (file.request["stamps"], told.verb) == (["db.service"], Verb.RESTART)


def test_a_command_runs_again_when_a_file_that_it_reads_changes() -> None:
    """Its check has seen the file that is still there."""
    command = Command("x", ("true",), ("true",), reads=("/etc/motd",))
    assert verbs(plan(FILE, command, a=there(), b={"ok": True})) == []
    found = plan(FILE, command, a=there("hullo\n"), b={"ok": True})
    assert verbs(found) == [Verb.UPDATE, Verb.RUN]


def test_a_command_says_how_long_it_may_take_and_a_unit_what_is_asked_before_a_restart() -> None:
    found = plan(
        Command("x", ("true",), ("true",), seconds=7_200),
        Unit("db.service", asks=("guard", "17/main")),
        a={"ok": False},
        b=UP | {"active": "failing"},
    )
    command, unit = found
    assert command.request["seconds"] == 7_200
    assert unit.request["asks"] == ["guard", "17/main"]
    assert unit.request["steps"] == ["restart"]


def test_a_unit_that_somebody_has_masked_can_start_again() -> None:
    (change,) = plan(Unit("a.service"), a=UP | {"enabled": "masked", "active": "inactive"})
    assert change.request["steps"] == ["unmask", "enable", "start"]
    resting = Unit("a.service", enabled=False, running=False)
    assert plan(resting, a={"enabled": "masked", "active": "inactive"}) == ()


def test_a_unit_that_should_rest_is_stopped_and_disabled() -> None:
    (change,) = plan(Unit("a.service", enabled=False, running=False), a=UP)
    assert change.request["steps"] == ["disable", "stop"]
    (change,) = plan(Unit("a.service", running=False), a=UP | {"active": "failing"})
    assert change.request["steps"] == ["stop"]


def test_a_guarded_unit_has_its_files_kept_for_the_way_back() -> None:
    unit = Unit("ssh.service", reads=("/etc/motd",), on_change="reload", guarded=True)
    file, reload = plan(FILE, unit, a=there("hullo\n"), b=UP | {"read": ""})
    assert file.request["keep"]
    assert reload.guarded
    assert reload.request["restores"] == ["/etc/motd"]


@pytest.mark.parametrize(
    ("wanted", "missing", "as_wanted"),
    [
        (Directory("/srv"), {}, OWNED | {"is_directory": True, "mode": 0o755}),
        (Link("/srv/now", "/srv/7"), {"target": "/srv/6"}, {"target": "/srv/7"}),
        (Package("nginx"), {"version": ""}, {"version": "1.26"}),
        (Package("nginx", present=False), {"version": "1.26"}, {"version": ""}),
        (User("web"), {}, {"home": "/nonexistent", "groups": []}),
        (Sysctl("net.a", "1"), {"value": "0"}, {"value": "1"}),
        (Command("x", ("true",), ("true",)), {"ok": False, "said": "why\n"}, {"ok": True}),
    ],
)  # fmt: skip
def test_each_kind_is_changed_once(
    wanted: Resource, missing: dict[str, Any], as_wanted: dict[str, Any]
) -> None:
    assert len(plan(wanted, a=missing)) == 1
    assert plan(wanted, a=as_wanted) == ()


def test_a_host_is_marked_as_applied_even_when_that_alone_is_missing() -> None:
    new = dataclasses.replace(MACHINE, applied="")
    *_, last = changes([FILE], Observed(new, {}))
    assert last.request["kind"] == "marker"
    (alone,) = changes([FILE], Observed(new, {FILE.key: there()}))
    assert alone == last


def test_the_digest_of_a_change_knows_a_secrets_content() -> None:
    one, other = (
        plan(File("/etc/key", text, secret=True), a={})[0].fingerprint() for text in ("a", "b")
    )
    assert one != other
