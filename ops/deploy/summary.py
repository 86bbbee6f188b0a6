"""What is where, and what to do about it: this is where it is put into lines. Pure."""

from collections.abc import Iterator, Mapping, Sequence

from haproxy.stats import Admin
from ops.deploy.balancers import Seen, lines_of
from ops.deploy.plan import ORDER
from ops.deploy.standing import Standing
from ops.errors import Refused
from ops.lab.report import aligned
from provisioning.fleet import Fleet, Host, Role

_TITLE = ("HOST", "ROLE", "RELEASE", "SINCE", "BY", "RUNS", "BALANCERS", "KEPT")

Found = Mapping[str, Standing | str]


def table(fleet: Fleet, found: Found, seen: Seen) -> list[str]:
    """Return a line a host that has releases."""
    rows = [
        _row(found.get(host.name, "left out"), host, seen)
        for role in ORDER
        for host in fleet.of_role(role)
    ]
    return aligned([_TITLE, *rows])


def _row(one: Standing | str, host: Host, seen: Seen) -> tuple[str, ...]:
    balancers = on_balancers(seen, host) if host.role is Role.APP_SERVER else "-"
    if isinstance(one, str):
        words = one if one == "left out" else "no answer"
        return (host.name, host.role.value, words, "-", "-", "-", balancers, "-")
    return (
        host.name,
        host.role.value,
        one.on.current or "none",
        f"{one.on.since:%Y-%m-%d %H:%M:%S}" if one.on.since else "-",
        one.on.by or "-",
        ", ".join(sorted(each or "stopped" for each in one.running)) or "-",
        balancers,
        " ".join(each.id for each in one.on.releases if each.id != one.on.current) or "-",
    )


def on_balancers(seen: Seen, host: Host) -> str:
    """Return in a word how balancers see a server: up, drain, maint, down, or a mixture."""
    words = set()
    for line in lines_of(seen, host):
        one = line.report
        words.add(
            "up" if one.is_serving else one.admin.value if one.admin is not Admin.READY else "down"
        )
    return ", ".join(sorted(words)) or "-"


def troubles(fleet: Fleet, found: Found, seen: Seen) -> Iterator[str]:
    """Yield why this is no state to leave a fleet in; nothing when all is well."""
    known = [one for one in found.values() if isinstance(one, Standing) and one.host.role in ORDER]
    for name, one in found.items():
        if isinstance(one, str):
            yield f"{name}: {one}" if one == "left out" else one
    releases = sorted({one.on.current for one in known if not one.is_retired})
    if not any(releases):
        if len(known) == sum(host.role in ORDER for host in fleet.hosts):  # else who knows
            yield f"No host has a release. fab deploy --fleet {fleet.name} brings the first one."
        return
    if len(releases) > 1:
        named = ", ".join(each or "none" for each in releases)
        yield f"Mixed: {named}. Deploy or roll back until all have the same one."
    for one in known:
        yield from _of_host(one, seen)


def _of_host(one: Standing, seen: Seen) -> Iterator[str]:
    name = one.host.name
    if one.mark:
        what = f"{one.mark.get('why')} by {one.mark.get('by')} since {one.mark.get('since')}"
        yield f"{name}: {what} is under way, or was cut off: then a deploy finishes it."
    if one.serves and one.running != {one.on.current}:
        runs = ", ".join(sorted(each or "nothing" for each in one.running))
        yield f"{name}: has {one.on.current or 'none'} and runs {runs}. A deploy restarts it."
    if one.is_retired:
        said = f"{name}: {str(one.maintenance).strip()}. It may leave the inventory; or back:"
        yield f"{said} fab deploy, then fab lb.ready {name}."
    elif one.maintenance is not None:
        yield f"{name}: in maintenance: {one.maintenance.strip()}. fab lb.ready {name} ends it."
    if one.serves and not one.mark and (how := on_balancers(seen, one.host)) != "up":
        yield f"{name}: on the balancers: {how}."


def next_commands(fleet: Fleet, release_id: str, found: Found) -> list[str]:
    """Return the commands that go on, and that go back, after a red."""
    known = [one for one in found.values() if isinstance(one, Standing) and one.serves]
    silent = sorted({name for name, one in found.items() if isinstance(one, str)})
    without = f" --without {','.join(silent)}" if silent else ""
    lines = [f"  to go on:    fab deploy --fleet {fleet.name} --commit {release_id}{without}"]
    olds = {one.before(release_id) for one in known if one.on.current == release_id} - {""}
    olds |= {one.on.current for one in known if one.on.current != release_id} - {""}
    if len(olds) == 1:
        (old,) = olds
        lines.append(
            f"  to go back:  fab deploy.rollback --fleet {fleet.name} --release {old}{without}"
        )
    return lines


def release_before(found: Sequence[Standing]) -> str:
    """Return the release to roll back to: the one before the newest switch. Refused if unclear.

    Application servers say: what they had has served. Databases and observer also had those
    that were put back. Where some have gone back already, that is finished; where all have,
    the command was given twice, and no other release was meant.
    """
    servers = [one for one in found if one.serves]
    switched = [one for one in servers if one.on.current and one.on.since]
    if not switched:
        raise Refused("There is no release to go back from. fab deploy brings the first one.")
    newest = max(switched, key=lambda one: str(one.on.since)).on.current
    others = [one for one in servers if one.on.current != newest]
    if any(one.on.previous == newest for one in others):
        return newest
    left = {one.on.left for one in servers if one.on.current == newest} - {""}
    olds = {one.before(newest) for one in servers} - {""}
    named = ", ".join(sorted(olds)) or "none"
    if left and not others:
        raise Refused(
            f"All have {newest}: {', '.join(sorted(left))} was gone back from. Another one, "
            f"further back ({named}) or that one again: say --release ID."
        )
    if len(olds) != 1:
        raise Refused(f"Which release? Before {newest} there was: {named}. Say --release ID.")
    return olds.pop()


def lacking(release_id: str, found: Sequence[Standing]) -> list[str]:
    """Return the hosts that do not have the release any more, or never had it."""
    return [one.host.name for one in found if not one.on.has(release_id)]


def first_user(server: Host) -> str:
    """Return the command that makes a user and a project, on a server that has a release."""
    return (
        f"  ssh root@{server.address} systemd-run --quiet --pipe --wait --uid=stillhere "
        "--property=WorkingDirectory=/srv/stillhere/current "
        "--property=EnvironmentFile=/etc/stillhere/app.env "
        "--setenv=PYTHONPATH=.:site-packages "
        "python3 manage.py bootstrap --email YOU@EXAMPLE.ORG"
    )
