"""An old database of this host becomes one that follows: rewound where it must be, and signed.

/var/lib/stillhere/rewinding.json   who began a rewind, when; gone when it is whole, and a
                                    standby's: what a cut one leaves can only be cloned anew

Each act may be done again. The server is stopped meanwhile, and its role marker says
"fenced", so that its guard lets nobody start it in between.
"""

import os
import subprocess
from typing import Any

from ops.agent.changing import sync_directory
from ops.agent.clusters import REWINDING, of_control
from ops.agent.commands import DEBIAN, Failed
from ops.agent.deploying import note, write_whole
from ops.agent.failing_over import now, remove, runs, set_role, version, write_json

RECOVER_SECONDS, REWIND_SECONDS = 1_800, 3 * 3_600
CLEAN = ("shut down", "shut down in recovery")
LOG = "/var/log/postgresql/postgresql-{}-main.log"
TAIL_BYTES, MOST_LINES, MOST_WORDS = 65_536, 4, 800
TROUBLE = (" FATAL: ", " PANIC: ", " ERROR: ", " LOG:  waiting for WAL", "could not")


def rewind(source: str, by: str, why: str, audit: str) -> dict[str, Any]:
    """Take back what the primary at `source` (libpq's words) does not have; then it may follow.

    Tried first without writing anything. Failed when the two cannot be joined again.
    """
    note(audit)
    refuse_running()
    set_role("fenced", by, why)
    recover()
    command = [
        f"/usr/lib/postgresql/{version()}/bin/pg_rewind",
        f"--target-pgdata={data()}",
        f"--source-server={source}",
        f"--config-file={settings()}",
        "--no-ensure-shutdown",
    ]
    as_postgres([*command, "--dry-run"], REWIND_SECONDS)
    write_json(REWINDING, {"by": by, "since": now(), "why": why})
    said = as_postgres(command, REWIND_SECONDS)
    sign()
    remove(REWINDING)
    return {"said": said.strip().splitlines()[-1:]}


def recover() -> None:
    """Have a crashed server recover, alone: only one that was stopped can be rewound."""
    control = of_control(version(), data())
    if control and control["state"] in CLEAN:
        return
    program = f"/usr/lib/postgresql/{version()}/bin/postgres"
    alone = [program, "--single", "-D", data(), "-c", f"config_file={settings()}", "template1"]
    as_postgres(alone, RECOVER_SECONDS)


def follow(audit: str) -> dict[str, Any]:
    """Sign the cluster as a standby, to the disk: from now on it starts as one, or not at all."""
    note(audit)
    refuse_running()
    sign()
    return {}


def sign() -> None:
    """Write standby.signal as the server's own user would."""
    path, about = f"{data()}/standby.signal", os.stat(data())
    write_whole(path, "")
    os.chown(path, about.st_uid, about.st_gid)
    sync_directory(data())


def database_log() -> dict[str, Any]:
    """Return the last lines of the server's log that tell of trouble; none is an answer, too."""
    try:
        with open(LOG.format(version()), "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        lines = []
    found = [line for line in lines if any(word in line for word in TROUBLE)]
    return {"lines": [line[:MOST_WORDS] for line in found[-MOST_LINES:]]}


def refuse_running() -> None:
    """Raise Failed while a server is up: what follows would hurt it."""
    if runs():
        raise Failed("PostgreSQL is running here; it is stopped first.")


def data() -> str:
    """Return the directory of the cluster's files."""
    return f"/var/lib/postgresql/{version()}/main"


def settings() -> str:
    """Return the file that Debian keeps the cluster's settings in."""
    return f"/etc/postgresql/{version()}/main/postgresql.conf"


def as_postgres(command: list[str], seconds: int) -> str:
    """Run a program of PostgreSQL's as its user; Failed with its last words."""
    said = subprocess.run(
        ["runuser", "-u", "postgres", "--", *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=seconds,
        cwd="/",
        env=DEBIAN,
    )
    words = said.stderr.strip() or said.stdout.strip()
    if said.returncode:
        raise Failed(f"{os.path.basename(command[0])}: exit {said.returncode}. {words[-1_500:]}")
    return words
