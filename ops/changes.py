"""From what is wanted and what is there to what has to be done. Pure.

A change is a value: what it is called in a plan, the lines that show it, and
the very request that the host's agent will get. Applying sends that and nothing else.
"""

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from ops.facts import Observed
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

Facts = dict[str, Any]
REVERT_SECONDS = 30  # a guarded change is taken back when nobody has come in by then
MOST_DIFF_LINES = 200
UP = ("active", "activating", "reloading")  # states of a unit


class Verb(StrEnum):
    """What a change does; the words of a plan."""

    CREATE = "create"
    UPDATE = "update"
    REMOVE = "remove"
    INSTALL = "install"
    PURGE = "purge"
    ENABLE = "enable"
    DISABLE = "disable"
    UNMASK = "unmask"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    RELOAD = "reload"
    LOAD = "load"
    SET = "set"
    RUN = "run"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a plan. `request` may hold a secret and never prints itself."""

    key: str
    verb: Verb
    detail: "Lines" = ()
    request: dict[str, Any] = field(default_factory=dict, repr=False)
    guarded: bool = False

    def fingerprint(self) -> str:
        """Return what a plan's digest is made of: all that would happen."""
        text = json.dumps([self.key, self.verb, self.request], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


Lines = tuple[str, ...]


def changes(desired: Sequence[Resource], seen: Observed) -> tuple[Change, ...]:
    """Return what has to be done, in the order of the resources; nothing when all is as wanted."""
    found: list[Change] = []
    files = {each.path: each for each in desired if isinstance(each, File)}
    units = [each for each in desired if isinstance(each, Unit)]
    for resource in desired:
        facts = seen.found.get(resource.key, {})
        new = {each.key.removeprefix("file ") for each in found}
        match resource:
            case File():
                comes_with_package = any(each.verb is Verb.INSTALL for each in found)
                found += _file(resource, facts, units, comes_with_package)
            case Directory():
                found += _directory(resource, facts)
            case Link():
                found += _link(resource, facts)
            case Package():
                found += _package(resource, facts)
            case User():
                found += _user(resource, facts)
            case Unit():
                found += _unit(resource, facts, files, new)
            case Sysctl():
                found += _sysctl(resource, facts)
            case Command():
                found += _command(resource, facts, new)
    return tuple(found + _marker(seen))


def _file(
    file: File, facts: Facts, units: Sequence[Unit], comes_with_package: bool
) -> list[Change]:
    readers = [unit for unit in units if file.path in (*unit.reads, *unit.rereads)]
    request = {
        "kind": "file",
        "path": file.path,
        # None: a package that this plan installs before may put its own version there.
        "seen": facts.get("sha256", None if comes_with_package else ""),
        "content": file.content,
        "mode": file.mode,
        "owner": file.owner,
        "group": file.group,
        "validate": list(file.validate),
        "stamps": [
            name for unit in readers for name, paths in _stamps(unit).items() if file.path in paths
        ],
        "keep": any(unit.guarded for unit in readers),
    }
    if file.content is None:
        return [Change(file.key, Verb.REMOVE, (), request)] if facts else []
    detail: Lines
    if facts and not facts["is_file"]:
        detail = ("is there, and is no file: move it away by hand",)
        return [Change(file.key, Verb.CREATE, detail, request)]
    detail = _owner_lines(file, facts)
    if facts.get("sha256") != hashlib.sha256(file.content.encode()).hexdigest():
        detail += _diff(file, facts)
    elif not detail:
        return []
    return [Change(file.key, Verb.UPDATE if facts else Verb.CREATE, detail, request)]


def _owner_lines(thing: File | Directory, facts: Facts) -> Lines:
    """Return how mode, owner and group differ from what is there."""
    if not facts:
        return ()
    lines = []
    if facts["mode"] != thing.mode:
        lines.append(f"mode {facts['mode']:04o} -> {thing.mode:04o}")
    for name, wanted in (("owner", thing.owner), ("group", thing.group)):
        if facts[name] != wanted:
            lines.append(f"{name} {facts[name]} -> {wanted}")
    return tuple(lines)


def _diff(file: File, facts: Facts) -> Lines:
    if file.secret:
        return ("content differs; it is secret",)
    lines = [
        line.rstrip("\n")
        for line in difflib.unified_diff(
            facts.get("text", "").splitlines(),
            (file.content or "").splitlines(),
            "there",
            "wanted",
            lineterm="",
        )
    ]
    if len(lines) > MOST_DIFF_LINES:
        rest = len(lines) - MOST_DIFF_LINES
        lines = [*lines[:MOST_DIFF_LINES], f"... and {rest} more lines"]
    return tuple(lines)


def _directory(wanted: Directory, facts: Facts) -> list[Change]:
    request = {
        "kind": "directory",
        "path": wanted.path,
        "mode": wanted.mode,
        "owner": wanted.owner,
        "group": wanted.group,
    }
    detail: Lines
    if facts and not facts["is_directory"]:
        detail = ("is there, and is no directory: move it away by hand",)
        return [Change(wanted.key, Verb.CREATE, detail, request)]
    detail = _owner_lines(wanted, facts)
    if facts and not detail:
        return []
    return [Change(wanted.key, Verb.UPDATE if facts else Verb.CREATE, detail, request)]


def _link(link: Link, facts: Facts) -> list[Change]:
    if facts.get("target") == link.target:
        return []
    verb = Verb.UPDATE if facts else Verb.CREATE
    detail = (f"{facts.get('target') or 'nothing'} -> {link.target}",)
    return [
        Change(link.key, verb, detail, {"kind": "link", "path": link.path, "target": link.target})
    ]


def _package(package: Package, facts: Facts) -> list[Change]:
    is_there = bool(facts.get("version"))
    if is_there == package.present:
        return []
    verb = Verb.INSTALL if package.present else Verb.PURGE
    request = {
        "kind": "packages",
        "install": [package.name] if package.present else [],
        "purge": [] if package.present else [package.name],
    }
    return [Change(package.key, verb, (), request)]


def _user(user: User, facts: Facts) -> list[Change]:
    groups = sorted(user.groups)
    if facts and facts["home"] == user.home and facts["groups"] == groups:
        return []
    request = {"kind": "user", "name": user.name, "home": user.home, "groups": groups}
    return [Change(user.key, Verb.UPDATE if facts else Verb.CREATE, (), request)]


def _unit(unit: Unit, facts: Facts, files: dict[str, File], new: set[str]) -> list[Change]:
    """Return at most one change: its name is the most visible of its steps."""
    read = {name: _digest_of(paths, files) for name, paths in _stamps(unit).items()}
    has_read, has_reread = (
        not paths or (not new & {*paths} and facts.get(key) == _digest_of(paths, files))
        for key, paths in (("read", unit.reads), ("reread", unit.rereads))
    )
    steps = _steps(unit, facts, has_read, has_reread)
    if not steps:
        return []
    request = {
        "kind": "unit",
        "name": unit.name,
        "steps": [step.value for step in steps],
        "read": read,
        "guard": REVERT_SECONDS if unit.guarded else 0,
        "restores": [*unit.reads, *unit.rereads] if unit.guarded else [],
        "asks": list(unit.asks),
    }
    is_old = facts.get("active") in UP and not (has_read and has_reread)
    because = ("what it reads has changed",) if is_old else ()
    also = tuple(f"also {step}" for step in steps[:-1])
    return [Change(unit.key, steps[-1], because + also, request, guarded=unit.guarded)]


def _steps(unit: Unit, facts: Facts, has_read: bool, has_reread: bool) -> list[Verb]:
    steps: list[Verb] = []
    if facts.get("enabled") in ("masked", "masked-runtime") and (unit.enabled or unit.running):
        steps.append(Verb.UNMASK)
    is_enabled = facts.get("enabled") in ("enabled", "enabled-runtime", "alias")
    if unit.enabled is not None and facts.get("enabled") != "static" and is_enabled != unit.enabled:
        steps.append(Verb.ENABLE if unit.enabled else Verb.DISABLE)
    is_active = facts.get("active") in UP
    if unit.running is False:
        steps += [Verb.STOP] if is_active or facts.get("active") == "failing" else []
    elif is_active and not has_read:
        steps.append(Verb(unit.on_change))
    elif is_active and not has_reread:
        steps.append(Verb.RELOAD)
    elif not is_active and facts.get("waits"):
        # It will read what is there now: who starts it later need not tell it.
        steps += [] if steps or (has_read and has_reread) else [Verb.LOAD]
    elif unit.running and not is_active:
        steps.append(Verb.RESTART if facts.get("active") in ("failed", "failing") else Verb.START)
    return steps


def _stamps(unit: Unit) -> dict[str, tuple[str, ...]]:
    """Return the names of the stamps that a host keeps of a unit, with what each is of."""
    return {unit.name: unit.reads} | ({f"{unit.name}.reread": unit.rereads} if unit.rereads else {})


def _digest_of(paths: Sequence[str], files: dict[str, File]) -> str:
    """Return a digest of all that a unit reads; KeyError when the role lacks such a file."""
    if not paths:
        return ""
    parts = [[path, files[path].content, files[path].mode] for path in paths]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _sysctl(setting: Sysctl, facts: Facts) -> list[Change]:
    if facts.get("value") == setting.value:
        return []
    detail = (f"{facts.get('value') or 'unset'} -> {setting.value}",)
    request = {"kind": "sysctl", "name": setting.name, "value": setting.value}
    return [Change(setting.key, Verb.SET, detail, request)]


def _command(command: Command, facts: Facts, new: set[str]) -> list[Change]:
    if facts.get("ok") and not new & {*command.reads}:
        return []
    said = "what it reads has changed" if facts.get("ok") else str(facts.get("said", ""))
    detail = tuple(said.splitlines()[:MOST_DIFF_LINES])
    request: Facts = {"kind": "command", "command": list(command.run)}
    request |= {"stdin": command.stdin, "seconds": command.seconds}
    return [Change(command.key, Verb.RUN, detail, request)]


def _marker(seen: Observed) -> list[Change]:
    """Return the last change of a first apply: one that is cut before it is made up for."""
    if seen.machine.applied:
        return []
    detail = ("from now on the brakes hold here",)
    return [Change("mark of an apply", Verb.CREATE, detail, {"kind": "marker"})]
