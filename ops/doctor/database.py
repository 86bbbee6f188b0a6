"""Can every application server log in at every database, and is exactly one of them writable.

A port that was typed wrong in one firewall shows only on the day of a failover, when
a server that was never the primary is needed: so it is tried every time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.seen import FLEET, Level, Line, Questions, Seen, not_examined
from provisioning.dsn import DATABASE, PASSWORD_FILE, ROLE
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import POSTGRESQL

SUBJECT = "database"
ACCOUNT = "stillhere"
_WRITABLE = "writable"


def questions(fleet: Fleet, host: Host, machines: Mapping[str, Machine]) -> Questions:
    """Ask databases what they are, and application servers to log in at each."""
    if host.role is Role.DATABASE and machines[host.name].main:
        return {_WRITABLE: {"about": "writable", "port": POSTGRESQL.port}}
    if host.role is not Role.APP_SERVER:
        return {}
    return {
        _login(database): {
            "about": "login",
            "address": database.address,
            "port": POSTGRESQL.port,
            "database": DATABASE,
            "role": ROLE,
            "account": ACCOUNT,
            "passwords": PASSWORD_FILE,
        }
        for database in _with_cluster(fleet, machines)
    }


def lines(seen: Seen) -> Iterator[Line]:
    """Yield who is the primary, then each login that fails; a line for a server where none does."""
    yield from _primary(seen)
    for host in seen.reached(Role.APP_SERVER):
        targets = list(_with_cluster(seen.fleet, seen.machines))
        bad = []
        for database in targets:
            answer = seen.answer(host, _login(database))
            words = why_no_login(database.name, answer)
            if words:
                bad.append(Line(SUBJECT, host.name, Level.RED, words))
        yield from bad
        if targets and not bad:
            names = " and ".join(one.name for one in targets)
            yield Line(SUBJECT, host.name, Level.GREEN, f"logs in at {names}")


def why_no_login(database: str, answer: Mapping[str, Any]) -> str:
    """Return what keeps an application server from logging in, "" when nothing does."""
    door = f"port {POSTGRESQL.port} of {database}"
    if "failed" in answer:
        return f"could not try to log in at {database}: {answer['failed']}"
    if answer["door"] == "refused":
        return f"nobody listens on {door}. Is PostgreSQL running there?"
    if answer["door"] != "open":
        return f"does not get through to {door}. Compare its firewall: fab net.verify, fab plan."
    if "lacks" in answer:
        return (
            f"{door} is open, and no login was tried: {answer['lacks']} is missing here: fab apply."
        )
    if "said" in answer:
        return f"{database} refuses the application's login: {answer['said']}"
    return ""


def _primary(seen: Seen) -> Iterator[Line]:
    writable, standbys, unknown = list[str](), list[str](), list[str]()
    databases = seen.fleet.of_role(Role.DATABASE)
    for host in databases:
        yield from _others(seen, host)
        if host.name in seen.troubles:
            unknown.append(host.name)
        elif not seen.machines[host.name].main:
            yield Line(SUBJECT, host.name, Level.NOTE, "has no cluster of PostgreSQL yet.")
        else:
            answer = seen.answer(host, _WRITABLE)
            if "failed" in answer:
                yield not_examined(SUBJECT, host, answer)
                unknown.append(host.name)
            elif "is_standby" not in answer:
                said = answer.get("said") or f"{answer['lacks']} is missing"
                words = f"PostgreSQL does not answer: {said}. systemctl status 'postgresql@*'"
                yield Line(SUBJECT, host.name, Level.RED, words)
                unknown.append(host.name)
            else:
                (standbys if answer["is_standby"] else writable).append(host.name)
    if writable or standbys or unknown:
        yield Line(SUBJECT, FLEET, *who_is_primary(writable, standbys, unknown))
    elif applied := [host.name for host in databases if seen.machines[host.name].applied]:
        words = (
            f"no host has a cluster, and {' and '.join(applied)} had an apply: it was dropped, or "
            "what it was on is away. Bring it back, from a backup if need be; fab apply makes an "
            "empty one where nothing is left of it."
        )
        yield Line(SUBJECT, FLEET, Level.RED, words)


def _others(seen: Seen, host: Host) -> Iterator[Line]:
    """Yield a note of clusters that nobody described."""
    if host.name not in seen.troubles:
        machine = seen.machines[host.name]
        if others := [str(one) for one in machine.clusters if one != machine.main]:
            words = f"has {', '.join(others)}, which is not the fleet's: nothing looks after it."
            yield Line(SUBJECT, host.name, Level.NOTE, words)


def who_is_primary(
    writable: list[str], standbys: list[str], unknown: list[str]
) -> tuple[Level, str]:
    """Return whether exactly one database takes writes."""
    rest = f"; {', '.join(unknown)} could not be asked" if unknown else ""
    if len(writable) > 1:
        names = " and ".join(writable)
        return Level.RED, f"{names} both take writes{rest}. Stop the one that is not to be primary."
    if not writable:
        return Level.RED, f"none takes writes{rest}. Start the primary, or fab db.failover."
    after = f", {' and '.join(standbys)} standby" if standbys else ""
    return Level.GREEN, f"{writable[0]} is primary{after}{rest}"


def _with_cluster(fleet: Fleet, machines: Mapping[str, Machine]) -> Iterator[Host]:
    """Yield the databases that have a cluster, or that could not be asked: they may have one."""
    for host in fleet.of_role(Role.DATABASE):
        if host.name not in machines or machines[host.name].main:
            yield host


def _login(database: Host) -> str:
    return f"login {database.name}"
