"""`fab app.retire` and `fab app.forget`: an application server leaves, alive or dead."""

from datetime import UTC, datetime
from typing import Any

from fabric import task
from invoke.exceptions import Exit

from ops.confirming import confirmed, named
from ops.deploy import forgetting, retiring
from ops.deploy.desk import WITHOUT, Desk
from ops.errors import HostError, Stopped
from ops.tasks.fleet import PENDING
from ops.tasks.load_balancers import held_server
from provisioning.fleet import Host

_FLEET = {
    "fleet": "Name of a fleet, or path of its inventory.",
    "host": "An application server.",
    "without": WITHOUT,
}


@task(help=_FLEET | {"yes": "Do not ask."}, auto_shortflags=False)
def retire(_: Any, host: str, fleet: str = "", yes: bool = False, without: str = "") -> None:
    """Take an application server out for good; all that it took is in the database then."""
    with held_server(host, fleet, "fab app.retire", without) as (desk, server):
        if not confirmed(desk.telling.console, desk.fleet, yes, f"Retire {host} of"):
            raise Exit(code=PENDING)
        try:
            with desk.stopping.watched():
                retiring.retire(desk, server)
        except (HostError, Stopped):
            on = f"fab app.retire {host} --fleet {desk.fleet.name}{desk.without_words}"
            desk.telling.say(f"  to go on:    {on}")
            desk.telling.say(
                f"  to go back:  fab deploy --fleet {desk.fleet.name}, then fab lb.ready {host}"
            )
            raise
        _say_the_rest(desk, server)


@task(help=_FLEET | {"confirm": "The host's name, instead of typing it."}, auto_shortflags=False)
def forget(_: Any, host: str, fleet: str = "", confirm: str = "", without: str = "") -> None:
    """Stop waiting for an application server that is dead; says what may be on its disk."""
    with held_server(host, fleet, "fab app.forget", without) as (desk, server):
        known = forgetting.looked(desk, server)
        for line in forgetting.lines(host, known, datetime.now(UTC)):
            desk.telling.say(line)
        if known.is_forgotten:
            desk.telling.say(f"{host}: forgotten already.")
        else:
            desk.telling.say(forgetting.consequence(host))
            if not named(desk.telling.console, host, confirm):
                raise Exit(code=PENDING)
        with desk.stopping.watched():
            forgetting.forget(desk, server, known)
        _say_the_rest(desk, server)


def _say_the_rest(desk: Desk, server: Host) -> None:
    for line in retiring.lines_to_remove(desk.fleet, server):
        desk.telling.say(line)
