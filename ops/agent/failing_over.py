"""What a failover does on a database host: fence, stop, start, promote, and its own journal.

/var/lib/stillhere/database-role.json   {"role": "primary" or "fenced", "since", "by", "why"}
/var/lib/stillhere/peer-is-dead.json    once, the guard need not hear the other hosts
/var/lib/stillhere/failover.json        the procedure that is under way, from its first step to
                                        its end; see ops/failover/journal
/etc/nftables.d/fence.nft               keeps application servers out, over reloads and reboots

Each act may be done again, and leaves nothing half: what is opened last is what was closed
first. Times are UTC, in ISO 8601.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ops.agent.changing import sync_directory
from ops.agent.clusters import FENCE_FILE, FENCE_TABLE, GUARD, PEER_IS_DEAD, PROCEDURE
from ops.agent.commands import DEBIAN, Failed, run
from ops.agent.deploying import note, write_whole
from ops.agent.seeing import ROLE_MARKER, clusters, text_of

# Before the accept of what is established (priority 0): an open connection is cut as well.
# The reset sends a client on to the next host of its list at once, not after its time-out.
RULES = """table inet {table}
delete table inet {table}
table inet {table} {{
	chain input {{
		type filter hook input priority -10; policy accept;
{lines}
	}}
}}
"""
PROMOTE = """
SELECT pg_promote(true, {seconds}) WHERE pg_is_in_recovery();
SELECT pg_is_in_recovery()
"""
IMMEDIATE_SECONDS, KILL_SECONDS, PAUSE_SECONDS = 10, 20, 0.05
CONNECT_SECONDS = 5


def fence(addresses: list[str], port: int, by: str, why: str, audit: str) -> dict[str, Any]:
    """Keep the database from being started, then applications from the port of a running one."""
    note(audit)
    set_role("fenced", by, why)
    set_start("disabled")
    os.makedirs(os.path.dirname(FENCE_FILE), mode=0o755, exist_ok=True)
    write_whole(FENCE_FILE, rules(addresses, port))
    run(["nft", "--file", FENCE_FILE], timeout=30)
    return {}


def rules(addresses: list[str], port: int) -> str:
    """Return the rules of a fence against these addresses, IPv4 and IPv6."""
    kinds = {
        "ip": [one for one in addresses if ":" not in one],
        "ip6": [one for one in addresses if ":" in one],
    }
    lines = [
        f"\t\t{kind} saddr {{ {', '.join(some)} }} tcp dport {port} reject with tcp reset"
        for kind, some in kinds.items()
        if some
    ]
    return RULES.format(table=FENCE_TABLE, lines="\n".join(lines))


def unfence(role: str, by: str, why: str, audit: str) -> dict[str, Any]:
    """Let the database be started as `role`, then applications in. "" is a standby: no marker."""
    note(audit)
    if role:
        set_role(role, by, why)
    else:
        remove(ROLE_MARKER)
    set_start("auto")
    remove(FENCE_FILE)
    run(
        ["nft", "--file", "-"],
        timeout=30,
        stdin=f"table inet {FENCE_TABLE}\ndelete table inet {FENCE_TABLE}\n",
    )
    return {}


def allow_start(by: str, why: str, audit: str) -> dict[str, Any]:
    """Let the guard start a fenced primary again; applications stay out until `unfence`."""
    note(audit)
    set_role("primary", by, why)
    set_start("auto")
    return {}


def stop_database(seconds: int, audit: str) -> dict[str, Any]:
    """Stop it the fast way; `is_stopped` is False when it still runs after so long."""
    note(audit)
    with contextlib.suppress(Failed, subprocess.TimeoutExpired):
        run(["systemctl", "stop", unit()], timeout=seconds)
    return {"is_stopped": not runs()}


def kill_database(audit: str) -> dict[str, Any]:
    """End one whose fast stop hangs, as a crash would: its next start recovers."""
    note(audit)
    for signal, seconds in (("SIGQUIT", IMMEDIATE_SECONDS), ("SIGKILL", KILL_SECONDS)):
        if runs():
            send = ["systemctl", "kill", f"--signal={signal}", unit()]
            subprocess.run(send, capture_output=True, timeout=30)
            wait_until(lambda: not runs(), seconds)
    # Else systemd would go on trying to start what has died, and the guard would refuse it.
    with contextlib.suppress(Failed, subprocess.TimeoutExpired):
        run(["systemctl", "stop", unit()], timeout=30)
    subprocess.run(["systemctl", "reset-failed", unit()], capture_output=True, timeout=30)
    return {"is_stopped": not runs()}


def start_database(
    port: int, seconds: int, by: str, may_start_alone: bool, audit: str
) -> dict[str, Any]:
    """Start it and wait until it answers; return whether it is a standby. Failed says why not.

    `may_start_alone`: who asks has proved that no other host is a primary.
    """
    note(audit)
    if may_start_alone:
        write_json(PEER_IS_DEAD, {"by": by, "since": now()})
    try:
        subprocess.run(["systemctl", "reset-failed", unit()], capture_output=True, timeout=30)
        with contextlib.suppress(Failed, subprocess.TimeoutExpired):
            run(["systemctl", "start", unit()], timeout=seconds)
        if not wait_until(lambda: bool(answers(port)), seconds):
            raise Failed(f"{unit()} does not answer {seconds} s after its start. {why_not()}")
    finally:
        remove(PEER_IS_DEAD)
    return {"is_standby": answers(port) == "t"}


def promote(port: int, seconds: int, by: str, why: str, audit: str) -> dict[str, Any]:
    """Make a standby the primary; the marker says so before. Done already: nothing happens."""
    note(audit)
    set_role("primary", by, why)
    # One question, since every moment of it is one in which nobody can write.
    said = sql(PROMOTE.format(seconds=int(seconds)), port, seconds + 30)
    if said.splitlines()[-1:] != ["f"] and not wait_until(lambda: answers(port) == "f", seconds):
        raise Failed(f"The promotion is not done after {seconds} s. {why_not()}")
    return {"at": time.time()}


def checkpoint(port: int, seconds: int, audit: str) -> dict[str, Any]:
    """Write what is dirty to the disk, at once; return the seconds that it took."""
    note(audit)
    begin = time.monotonic()
    sql("CHECKPOINT", port, seconds)
    return {"seconds": time.monotonic() - begin}


def hold_wal(port: int, slot: str, is_held: bool, audit: str) -> dict[str, Any]:
    """Keep WAL for a slot from now on, or no longer, while nobody uses it; it is there after."""
    note(audit)
    there = "SELECT active, restart_lsn IS NOT NULL FROM pg_replication_slots WHERE slot_name = "
    found = sql(f"{there}'{slot}'", port, 30)
    if found.startswith("t") or found == ("f|t" if is_held else "f|f"):
        return {}
    if found:
        sql(f"SELECT pg_drop_replication_slot('{slot}')", port, 30)
    word = "true" if is_held else "false"
    sql(f"SELECT pg_create_physical_replication_slot('{slot}', {word})", port, 30)
    return {}


def keep_procedure(procedure: dict[str, Any], audit: str) -> dict[str, Any]:
    """Keep how far a failover is, to the disk, before its next step; {} when it has ended."""
    note(audit)
    if procedure:
        write_json(PROCEDURE, procedure)
    else:
        remove(PROCEDURE)
    return {}


def procedure() -> dict[str, Any]:
    """Return the procedure that is under way, None without one. Failed for what is no JSON."""
    text = text_of(PROCEDURE)
    try:
        return {"procedure": json.loads(text) if text is not None else None}
    except ValueError:
        raise Failed(f"{PROCEDURE} is no JSON. Look at both database hosts first.") from None


def set_role(role: str, by: str, why: str) -> None:
    """Write the marker of what the host's database is to be, to the disk."""
    write_json(ROLE_MARKER, {"role": role, "since": now(), "by": by, "why": why})


def set_start(how: str) -> None:
    """Write Debian's start.conf: `auto`, or `disabled`, which pg_ctlcluster obeys, too."""
    path = f"/etc/postgresql/{version()}/main/start.conf"
    if (text_of(path) or "").strip() != how:
        write_whole(path, how + "\n")


def version() -> str:
    """Return the version of the fleet's cluster. Failed when there is none."""
    mains = [str(one["version"]) for one in clusters() if one["name"] == "main"]
    if not mains:
        raise Failed("There is no cluster of PostgreSQL here.")
    return max(mains, key=int)


def unit() -> str:
    """Return the unit of the fleet's cluster."""
    return f"postgresql@{version()}-main.service"


def runs() -> bool:
    """Tell whether a process of the server is there; one that is being stopped still is."""
    said = run(["systemctl", "show", "--property=ActiveState,SubState", unit()], timeout=30)
    facts = dict(line.split("=", 1) for line in said.splitlines() if "=" in line)
    # One that the guard refuses is `activating` over and over, and is no server.
    is_waiting = facts["SubState"] == "start-pre" or facts["SubState"].startswith("auto-restart")
    return facts["ActiveState"] not in ("inactive", "failed") and not is_waiting


def answers(port: int) -> str:
    """Return "t" of a standby, "f" of a primary, "" of one that does not answer."""
    try:
        return sql("SELECT pg_is_in_recovery()", port, 20)
    except (Failed, OSError, subprocess.SubprocessError):
        return ""


def sql(statement: str, port: int, seconds: int) -> str:
    """Return what the host's server says to its superuser; Failed with its words."""
    asked = ["runuser", "-u", "postgres", "--", "psql", "--no-psqlrc", "--no-align"]
    asked += ["--tuples-only", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1"]
    asked += ["--dbname=postgres", f"--port={port}", f"--command={statement}"]
    said = subprocess.run(
        asked,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=seconds + CONNECT_SECONDS,
        cwd="/",
        env=DEBIAN
        | {
            "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
            "PGOPTIONS": f"-c statement_timeout={seconds}s",
        },
    )
    if said.returncode:
        raise Failed(f"{statement.partition('(')[0]}: {said.stderr.strip()[-500:]}")
    return said.stdout.strip()


def why_not() -> str:
    """Return what the guard or the unit has said last."""
    guard = text_of(GUARD)
    last = ["journalctl", f"--unit={unit()}", "--lines=3", "--no-pager", "--output=cat"]
    said = subprocess.run(last, capture_output=True, timeout=30).stdout.decode("utf-8", "replace")
    return " ".join(f"{said} {guard or ''}".split())[-600:]


def wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Return True as soon as it is so, False when it is not after that time."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(PAUSE_SECONDS)
    return True


def write_json(path: str, content: dict[str, Any]) -> None:
    """Write it whole and to the disk; the server's user may read it."""
    write_whole(path, json.dumps(content) + "\n")
    os.chmod(path, 0o644)


def remove(path: str) -> None:
    """Take a file away, to the disk."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
        sync_directory(os.path.dirname(path))


def now() -> str:
    """Return the time as files keep it."""
    return datetime.now(UTC).isoformat(timespec="seconds")
