"""Who gets in where: every login that a failover needs is tried before it, and after it."""

from typing import Any

from ops.deploy.desk import Desk
from ops.doctor.database import login_question, why_no_login
from provisioning.fleet import Host
from provisioning.flows import POSTGRESQL
from provisioning.programs.database_peers import PASSWORDS, ROLE

ASK_SECONDS = 60


def application_login(desk: Desk, server: Host, database: Host) -> tuple[bool, str]:
    """Log in as the application does; return whether it met a standby, and why it failed or ""."""
    questions = {"login": login_question(database)}
    said = desk.of(server).ask("examine", answer_seconds=ASK_SECONDS, questions=questions)
    said = said["answers"]["login"]
    words = why_no_login(database.name, said)
    return bool(said.get("is_standby")), words


def replication_login(desk: Desk, source: Host, target: Host) -> str:
    """Log in as a standby does; return why that failed, "" when it did not."""
    said = desk.of(source).ask(
        "replication_login",
        answer_seconds=ASK_SECONDS,
        address=target.address,
        port=POSTGRESQL.port,
        role=ROLE,
        passwords=str(PASSWORDS),
    )
    return why_no_login(target.name, said, whose="replication's")


def named_databases(desk: Desk, server: Host) -> dict[str, Any]:
    """Return what the server's DATABASE_URL names; see ops/agent/proving."""
    return desk.of(server).ask("database_url", answer_seconds=ASK_SECONDS)
