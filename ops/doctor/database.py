"""Can every application server log in at every database.

A port that was typed wrong in one firewall shows only on the day of a failover, when
a server that was never the primary is needed: so it is tried every time.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.seen import Level, Line, Questions, Seen
from provisioning.dsn import DATABASE, PASSWORD_FILE, ROLE
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import POSTGRESQL

SUBJECT = "database"
ACCOUNT = "stillhere"


def questions(fleet: Fleet, host: Host, machines: Mapping[str, Machine]) -> Questions:
    """Ask application servers to log in at each database."""
    if host.role is not Role.APP_SERVER:
        return {}
    return {
        _login(database): login_question(database) for database in _with_cluster(fleet, machines)
    }


def login_question(database: Host) -> dict[str, Any]:
    """Return what an application server's agent is asked: to log in as the application does."""
    return {
        "about": "login",
        "address": database.address,
        "port": POSTGRESQL.port,
        "database": DATABASE,
        "role": ROLE,
        "account": ACCOUNT,
        "passwords": PASSWORD_FILE,
    }


def lines(seen: Seen) -> Iterator[Line]:
    """Yield each login that fails, and a line for a server where none does."""
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


def why_no_login(database: str, answer: Mapping[str, Any], whose: str = "the application's") -> str:
    """Return what keeps a host from logging in, "" when nothing does."""
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
        return f"{database} refuses {whose} login: {answer['said']}"
    return ""


def _with_cluster(fleet: Fleet, machines: Mapping[str, Machine]) -> Iterator[Host]:
    """Yield the databases that have a cluster, or that could not be asked: they may have one."""
    for host in fleet.of_role(Role.DATABASE):
        if host.name not in machines or machines[host.name].main:
            yield host


def _login(database: Host) -> str:
    return f"login {database.name}"
