"""Timers report to the service itself: what every host has for that.

Each timer's unit ends with `stop_post`, and is a check of its own, which its first report makes.
"""

import json
from collections.abc import Mapping

from provisioning.fleet import Fleet, Host
from provisioning.library import LIBRARY, places, program
from provisioning.programs.reporting import SETTINGS
from provisioning.resources import File, Resource

REPORT_KEY = "timers_ping_key"  # of a project of one's own; without it no timer reports


def resources(fleet: Fleet, host: Host, secrets: Mapping[str, str]) -> tuple[Resource, ...]:
    """Return the program, and whom it tells."""
    key = secrets.get(REPORT_KEY)
    settings = {"pings": f"https://{fleet.pings}/ping/{key}" if key else "", "host": host.name}
    return (
        *places(),
        program("reporting.py"),
        File(SETTINGS, json.dumps(settings, indent=1) + "\n", mode=0o600, secret=True),
    )


def stop_post(name: str) -> str:
    """Return the line of a unit by which the check NAME-HOST hears how it has ended.

    +: with root's rights, whoever the unit runs as; its sandbox does not hold it either.
    """
    command = f"/usr/bin/env PYTHONPATH={LIBRARY} PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3"
    return f"ExecStopPost=-+{command} -m provisioning.programs.reporting {name}"
