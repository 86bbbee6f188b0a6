"""The release of this checkout on one host, brought as a deploy does, and gone again afterwards."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ops.fleets import find_fleet
from ops.reading import sessions_with
from ops.release import Release, bring, switch
from tests.ops.rehearsal import Rehearsal

UNITS = "stillhere-receiver@0 stillhere-receiver@1 stillhere-drain stillhere-notifier"
SERVICES = tuple(f"{name}.service" for name in ("stillhere-pages", *UNITS.split()))


@contextmanager
def release_on(rehearsal: Rehearsal, name: str, release: Release) -> Iterator[None]:
    """Put a release onto a host; afterwards it waits for one again."""
    fleet = find_fleet(str(rehearsal.inventory))
    with sessions_with(fleet) as sessions:
        (brought,) = bring(release, sessions, [fleet.host(name)], lambda _name, _bytes: None)
        assert brought.trouble == ""
        switch(sessions.of(fleet.host(name)), release.id, "ada@laptop")
    try:
        yield
    finally:
        rehearsal.run(name, ["systemctl", "stop", "stillhere-pages.socket", *SERVICES])
        gone = "rm -r current releases/* packages/* static/*"
        rehearsal.run(name, ["sh", "-c", f"cd /srv/stillhere && {gone}"])


def manage(rehearsal: Rehearsal, name: str, *arguments: str) -> str:
    """Run one of the application's commands on a host, as its service user."""
    command = ["systemd-run", "--quiet", "--wait", "--pipe", "--uid=stillhere"]
    command += ["--property=WorkingDirectory=/srv/stillhere/current"]
    command += ["--property=EnvironmentFile=/etc/stillhere/app.env"]
    command += ["--setenv=PYTHONPATH=.:site-packages", "python3", "manage.py", *arguments]
    return rehearsal.run(name, command)


def access(rehearsal: Rehearsal, name: str) -> dict[str, Any]:
    """Return keys of a new project."""
    arguments = ("--email", "ada@example.org", "--json", "--new-keys")
    found: dict[str, Any] = json.loads(manage(rehearsal, name, "bootstrap", *arguments))
    return found
