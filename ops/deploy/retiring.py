"""An application server leaves the fleet: this is where it hands over all that it has taken.

    drain -> maintenance -> take nothing more -> all pings are in the database -> rest
    -> no alert waits for it -> it may leave the inventory

Each step may be done again: a cut-off one is finished by doing all of it once more.
"""

from datetime import UTC, datetime

from haproxy.stats import Admin
from ops.deploy import journals
from ops.deploy.balancers import nobody_else, seen_by_balancers, tell, wait_until_empty
from ops.deploy.desk import Desk
from ops.deploy.drained import unmark
from ops.deploy.standing import RETIRED, Standing, standing_of
from ops.errors import ChangeFailed, Refused
from ops.toml_lines import lines_of
from provisioning.fleet import Fleet, Host, Role

ASK_SECONDS = 300


def retire(desk: Desk, server: Host) -> None:
    """Take the server out for good. HostError when a step is not done: then do it again."""
    one, release = _looked(desk, server)
    _take_out(desk, server)
    session, telling, name = desk.of(server), desk.telling, server.name
    if release:
        if one.on.current:
            with telling.step("stop receivers", name) as step:
                audit = desk.did(server, "stop the receivers, pages and notifier")
                session.ask("stop_taking", answer_seconds=ASK_SECONDS, audit=audit)
                step.words = "the drain goes on"
        with telling.step("empty journals", name) as step:
            step.words = journals.wait_until_applied(desk, server, release)
    desk.stopping.check()
    with telling.step("rest", name) as step:
        audit = desk.did(server, "stop everything, and no release is current")
        session.ask("rest", answer_seconds=ASK_SECONDS, audit=audit)
        step.words = "nothing of the product runs, nor after a boot"
    with telling.step("positions", name) as step:
        through = (server, release) if release else journals.another(desk, server)
        journals.retire(desk, *through, name)
        step.words = "no alert waits for it any more"
    unmark(desk, server)


def _looked(desk: Desk, server: Host) -> tuple[Standing, str]:
    """Return how the server stands and a release to ask; Refused before anything is touched."""
    if len(desk.fleet.of_role(Role.APP_SERVER)) == 1:
        raise Refused(f"{server.name} is the only application server; nobody would be left.")
    if alone := nobody_else(seen_by_balancers(desk), server):
        raise Refused(f"{server.name} is the last that serves at {', '.join(alone)}.")
    with desk.telling.step("look", server.name) as step:
        one = standing_of(desk.of(server))
        release = journals.release_to_ask(one)
        step.words = "it never had a release"
        if release:
            found = journals.backlogs(desk, server, release)
            if stuck := [each for each in found if each.trouble]:
                raise ChangeFailed(
                    f"{server.name}: {'; '.join(map(str, stuck))} {journals.HOW_ON} "
                    "Nothing was begun."
                )
            count = sum(each.pings for each in found)
            step.words = "1 ping on its way" if count == 1 else f"{count} pings on their way"
        aside = sum(each.aside for each in found) if release else 0
    if aside:
        desk.telling.trouble(
            f"{server.name}: {aside} files of damaged or refused pings lie beside its journals, "
            "which no drain applies. Look at them before its disk is wiped "
            "(docs/runbooks/journal.md)."
        )
    return one, release


def _take_out(desk: Desk, server: Host) -> None:
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    with desk.telling.step("drain", server.name) as step:
        tell(desk, server, Admin.DRAIN)
        step.words = wait_until_empty(desk, server)
    with desk.telling.step("maintenance", server.name) as step:
        words = f"{RETIRED} by {desk.who} since {since}"
        audit = desk.did(server, f"maintenance: {words}")
        desk.of(server).ask("set_maintenance", answer_seconds=ASK_SECONDS, words=words, audit=audit)
        tell(desk, server, Admin.MAINTENANCE)
        step.words = "on all balancers, until it leaves the inventory"


def lines_to_remove(fleet: Fleet, server: Host) -> list[str]:
    """Return the inventory's lines of a host, with what to do afterwards."""
    text = fleet.path.read_text("utf-8")
    found = lines_of(text)
    begin = found.get(("hosts", server.name), 0)
    if not begin:
        return []
    own = ("hosts", server.name)
    later = [line for path, line in found.items() if line > begin and path[:2] != own]
    lines = text.splitlines()[begin - 1 : min(later, default=len(text.splitlines()) + 1) - 1]
    while lines and not lines[-1].strip():
        lines.pop()
    return [
        f"{server.name} may leave {fleet.path.name}. Remove these lines, then fab apply:",
        *(f"    {line}" for line in lines),
    ]
