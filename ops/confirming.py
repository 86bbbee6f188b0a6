"""A person says yes: this is where we ask, and refuse when nobody can answer."""

import sys

from ops.console import Console
from ops.errors import Refused
from provisioning.fleet import Fleet


def confirmed(console: Console, fleet: Fleet, yes: bool, what: str = "Apply this to") -> bool:
    """Return True when the operator wants what was shown. A lab is not asked about."""
    if yes or fleet.lab:
        return True
    if not sys.stdin.isatty():
        raise Refused("Nobody is there to be asked. Say --yes, or better --digest and --yes.")
    console.say(f"{what} the fleet {fleet.name}?  Type its name to go on: ")
    try:
        is_meant = input().strip() == fleet.name
    except EOFError:  # Ctrl-D
        is_meant = False
    if is_meant:
        return True
    console.say("Nothing was changed.")
    return False


def named(console: Console, name: str, given: str) -> bool:
    """Return True when the operator types a host's name, or gave it as an option. In a lab too."""
    if given:
        if given == name:
            return True
        raise Refused(f"--confirm {given} is not {name}. Nothing was changed.")
    if not sys.stdin.isatty():
        raise Refused(f"Nobody is there to type {name}. Say --confirm {name}.")
    console.say(f"Type {name} to continue: ")
    try:
        is_meant = input().strip() == name
    except EOFError:  # Ctrl-D
        is_meant = False
    if not is_meant:
        console.say("Nothing was changed.")
    return is_meant
