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
