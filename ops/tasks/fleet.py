"""`fab plan` and `fab apply`: see what a fleet lacks, and give it exactly that."""

import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.applying import Result, apply_plan
from ops.audit import Audit, operator
from ops.changes import Change
from ops.confirming import confirmed
from ops.console import Console, counting, show_plan
from ops.errors import OpsError, Refused
from ops.fleets import find_fleet
from ops.plan import Brake, Plan
from ops.reading import Sessions, read_plan, sessions_with
from ops.secrets import read_vault, require, vault_of
from provisioning.fleet import Fleet, Role
from provisioning.roles import secrets_of

PENDING = 2  # the exit status of a plan that is not empty

_OPTIONS = {"fleet": "Name of a fleet, or path of its inventory."}
_APPLY = _OPTIONS | {
    "yes": "Do not ask. Brakes hold all the same.",
    "digest": "Refuse any plan but the one with this digest.",
    "allow": f"Release brakes, with commas between: {', '.join(Brake)}.",
    "why": "What the others see while you hold the fleet, and what the audit log keeps.",
}


@task(help=_OPTIONS, auto_shortflags=False)
def plan(_: Any, fleet: str = "") -> None:
    """Show what `fab apply` would do; changes nothing. Exit 0 empty, 2 pending, 1 failed."""
    console = Console()
    with speaking(console), sessions_with(described := find_fleet(fleet)) as sessions:
        found = _read(described, sessions, console)
        show_plan(found, console)
        _show_brakes(found, console)
    _end(found.troubles, is_pending=not found.is_empty)


@task(help=_APPLY, auto_shortflags=False)
def apply(
    _: Any, fleet: str = "", yes: bool = False, digest: str = "", allow: str = "", why: str = ""
) -> None:
    """Show the plan, ask, apply that very plan. Exit 0 done, 1 failed somewhere, 2 not wanted."""
    console, why = Console(), why or "fab apply"
    hold = (operator(), why)
    with speaking(console), sessions_with(described := find_fleet(fleet), hold) as sessions:
        found = _read(described, sessions, console)
        show_plan(found, console)
        _refuse_unless_allowed(found, allow, digest)
        results: list[Result] = []
        is_wanted = not found.is_empty and confirmed(console, described, yes)
        if is_wanted:
            results = _apply(found, sessions, Audit(described.name, why), console)
    troubles = found.troubles + tuple(each.trouble for each in results if each.trouble)
    _end(troubles, is_pending=not found.is_empty and not is_wanted)


class speaking:  # noqa: N801 (read as a verb: with speaking(console))
    """Turn what an operator has to know into a line and exit status 1."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        self._console.progress("")
        if isinstance(error, OpsError):
            self._console.say(self._console.trouble(str(error)))
            raise Exit(code=1) from None


def _read(fleet: Fleet, sessions: Sessions, console: Console) -> Plan:
    vault = vault_of(fleet.path)
    secrets = read_vault(vault)
    require(secrets, secrets_of(fleet), vault)
    is_done = counting(console, "Reading", [host.name for host in fleet.hosts])
    return read_plan(fleet, secrets, sessions, is_done)


def _apply(found: Plan, sessions: Sessions, audit: Audit, console: Console) -> list[Result]:
    width = max(len(each.host.name) for each in found.hosts)

    def told(host: str, change: Change) -> None:
        console.say(console.change(host, change, width))

    begin = time.monotonic()
    results = apply_plan(found, sessions, audit, told)
    for each in results:
        if each.trouble:
            console.say(console.trouble(each.trouble))
    made = sum(each.made for each in results)
    failed = sum(bool(each.trouble) for each in results)
    console.say(
        f"{made} changes made on {len(results)} hosts in {time.monotonic() - begin:.1f} s"
        + (f"; {failed} stopped half-way, apply again." if failed else ".")
    )
    for line in _where_time_went(found.fleet, results):
        console.say(line)
    return results


def _where_time_went(fleet: Fleet, results: Sequence[Result]) -> Iterator[str]:
    """Yield a line a role: the seconds of its slowest host, by kind of change."""
    for role in Role:
        names = {host.name for host in fleet.of_role(role)}
        slowest = max(
            (each.seconds for each in results if each.host in names and each.made),
            key=lambda seconds: sum(seconds.values()),
            default=None,
        )
        if slowest:
            kinds = sorted(slowest.items(), key=lambda item: -item[1])
            parts = ", ".join(f"{kind} {seconds:.1f} s" for kind, seconds in kinds)
            yield f"  {role:<14} {sum(slowest.values()):5.1f} s   {parts}"


def _show_brakes(found: Plan, console: Console) -> None:
    for brake, reason in found.brakes().items():
        console.say(f"  needs --allow {brake}: {reason}")


def _refuse_unless_allowed(found: Plan, allow: str, digest: str) -> None:
    named = {word.strip() for word in allow.split(",") if word.strip()}
    if unknown := named - set(Brake):
        known = ", ".join(Brake)
        raise Refused(f"--allow {','.join(sorted(unknown))} is no brake; there are {known}.")
    held = {brake: why for brake, why in found.brakes().items() if brake not in named}
    if held:
        reasons = "; ".join(f"{brake} ({why})" for brake, why in held.items())
        raise Refused(f"Too much for one go: {reasons}. Add --allow {','.join(held)}.")
    if digest and digest != found.digest():
        raise Refused(
            f"The plan has the digest {found.digest()}, not {digest}: the fleet or its "
            "description has changed since. Look at the plan again."
        )


def _end(troubles: tuple[str, ...], *, is_pending: bool = False) -> None:
    sys.stdout.flush()
    if troubles:
        raise Exit(code=1)
    if is_pending:
        raise Exit(code=PENDING)
