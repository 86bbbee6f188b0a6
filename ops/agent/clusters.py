"""The fleet's cluster on this host: what its files, its unit and its server say of it.

    {"ask": "cluster", "port": 5432}  -> see `cluster`

Read-only. A server that is stopped, hangs or refuses us is an answer, too: `server` is
None then and `said` tells why. LSNs are PostgreSQL's text, sizes bytes, ages seconds.
"""

import json
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ops.agent.commands import DEBIAN, HOME
from ops.agent.seeing import ROLE_MARKER, active_state, clusters, text_of

Facts = dict[str, Any]
PEER_IS_DEAD = HOME + "/peer-is-dead.json"
PROCEDURE = HOME + "/failover.json"
REWINDING = HOME + "/rewinding.json"  # there while a rewind has not ended well
GUARD = "/run/stillhere-guard.json"
FENCE_FILE = "/etc/nftables.d/fence.nft"
FENCE_TABLE = "stillhere_fence"
ACCOUNT = "postgres"
CONNECT_SECONDS, ANSWER_SECONDS, LOOK_SECONDS = 5, 10, 30
MOST_WORDS = 300
SETTINGS = (
    "max_connections", "max_worker_processes", "max_wal_senders", "max_prepared_transactions",
    "max_locks_per_transaction", "wal_log_hints", "data_checksums", "server_version_num",
)  # fmt: skip


def cluster(port: int) -> Facts:
    """Return the state of the cluster `main`; version "" when the host has none.

    marker, guard, procedure: the JSON of their files, None without one; what cannot be
    read is {"unreadable": path}. unit: systemd's word, or "failing" for one that is started
    again over and over, as by a guard that refuses. fence: its rules are in the kernel.
    history: where each earlier timeline ended, of the newest that is known here.
    """
    mains = [one for one in clusters() if one["name"] == "main"]
    version = max((one["version"] for one in mains), key=int, default="")
    data = f"/var/lib/postgresql/{version}/main"
    has_data = os.path.exists(f"{data}/PG_VERSION")
    server, said, control, fence, unit = side_by_side(version, data, port)
    return {
        "version": version,
        "marker": json_of(ROLE_MARKER),
        "standby_signal": os.path.exists(f"{data}/standby.signal"),
        "backup_label": os.path.exists(f"{data}/backup_label"),
        "rewinding": json_of(REWINDING),
        "start_conf": start_conf(version),
        "fence": fence,
        "fence_file": os.path.exists(FENCE_FILE),
        "unit": unit,
        "guard": json_of(GUARD),
        "peer_is_dead": os.path.exists(PEER_IS_DEAD),
        "control": control,
        "server": server,
        "said": said,
        "history": history(data, newest_timeline(server, control)),
        **disk(data if has_data else "/var/lib"),
        "procedure": json_of(PROCEDURE),
    }


def side_by_side(
    version: str, data: str, port: int
) -> tuple[Facts | None, str, Facts | None, bool, str]:
    """Return what programs say: a failover waits for it while nobody can write."""
    with ThreadPoolExecutor(4) as pool:
        asked = pool.submit(of_server, port) if version else None
        control = pool.submit(of_control, version, data)
        fence, unit = pool.submit(is_fenced), pool.submit(of_unit, version)
    server, said = asked.result() if asked else (None, "the host has no cluster")
    return server, said, control.result(), fence.result(), unit.result()


def json_of(path: str) -> Facts | None:
    """Return the object in a file, None without the file; garbage is never taken for neither."""
    text = text_of(path)
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"unreadable": path}


def start_conf(version: str) -> str:
    """Return Debian's word for whether the cluster is started at boot; "" when it has none."""
    lines = (text_of(f"/etc/postgresql/{version}/main/start.conf") or "").splitlines()
    words = [line.partition("#")[0].strip() for line in lines]
    return next((word for word in words if word), "")


def is_fenced() -> bool:
    """Return whether the kernel has the table that keeps applications out."""
    asked = ["nft", "list", "table", "inet", FENCE_TABLE]
    try:
        return subprocess.run(asked, capture_output=True, timeout=LOOK_SECONDS).returncode == 0
    except FileNotFoundError:  # a bare host, which is to become a standby
        return False


def of_unit(version: str) -> str:
    """Return how systemd sees the cluster; "" without one."""
    if not version:
        return ""
    unit = f"postgresql@{version}-main.service"
    asked = ["systemctl", "show", "--property=ActiveState,SubState", "--", unit]
    said = subprocess.run(asked, capture_output=True, text=True, timeout=LOOK_SECONDS)
    return active_state(dict(line.split("=", 1) for line in said.stdout.split() if "=" in line))


CONTROL = {
    "system_identifier": "Database system identifier",
    "timeline": "Latest checkpoint's TimeLineID",
    "state": "Database cluster state",
    "checkpoint_lsn": "Latest checkpoint location",
    "min_recovery_end_lsn": "Minimum recovery ending location",
    "min_recovery_end_timeline": "Min recovery ending loc's timeline",
    "checksums": "Data page checksum version",
    "wal_log_hints": "wal_log_hints setting",
}


def of_control(version: str, data: str) -> Facts | None:
    """Return what pg_controldata tells, also of a stopped cluster; None when it cannot.

    `timeline` is that of the last checkpoint: right after a promotion it is the old one.
    """
    program = f"/usr/lib/postgresql/{version}/bin/pg_controldata"
    try:
        said = subprocess.run(
            [program, "-D", data], capture_output=True, text=True, timeout=LOOK_SECONDS, env=DEBIAN
        )
    except FileNotFoundError:
        return None
    return control_in(said.stdout) if said.returncode == 0 else None


def control_in(said: str) -> Facts | None:
    """Return the values in pg_controldata's output; None when one of them is missing."""
    parts = (line.partition(":") for line in said.splitlines())
    values = {name.strip(): value.strip() for name, _, value in parts}
    if not all(label in values for label in CONTROL.values()):
        return None
    found: Facts = {name: values[label] for name, label in CONTROL.items()}
    return found | {
        "timeline": int(found["timeline"]),
        "min_recovery_end_timeline": int(found["min_recovery_end_timeline"]),
        "checksums": found["checksums"] != "0",
        "wal_log_hints": found["wal_log_hints"] == "on",
    }


def newest_timeline(server: Facts | None, control: Facts | None) -> int:
    """Return the timeline that the cluster is on, 0 when nobody can say."""
    if server:
        return int(server["timeline"])
    if control:
        return max(int(control["timeline"]), int(control["min_recovery_end_timeline"]))
    return 0


def history(data: str, timeline: int) -> list[Facts]:
    """Return each ancestor of a timeline and the LSN at which it was left, the oldest first."""
    lines = (text_of(f"{data}/pg_wal/{timeline:08X}.history") or "").splitlines()
    found = (re.match(r"\s*(\d+)\s+([0-9A-F]+/[0-9A-F]+)", line) for line in lines)
    return [{"timeline": int(one[1]), "ended_at": one[2]} for one in found if one]


def disk(path: str) -> Facts:
    """Return room and size of the file system that the data is on."""
    about = os.statvfs(path)
    return {
        "disk_free_bytes": about.f_bavail * about.f_frsize,
        "disk_size_bytes": about.f_blocks * about.f_frsize,
    }


def of_server(port: int, place: str = "", user: str = ACCOUNT) -> tuple[Facts | None, str]:
    """Return what the server says as its superuser is told, or None and why.

    `place`: the directory of its socket, "" for Debian's.
    """
    command = ["runuser", "-u", ACCOUNT, "--", "psql", "--no-psqlrc", "--no-align", "--tuples-only"]
    command += ["--quiet", "--no-password", "--dbname=postgres", f"--port={port}"]
    command += [f"--username={user}", "--set=ON_ERROR_STOP=1", *([f"--host={place}"] * bool(place))]
    environment = DEBIAN | {
        "PGCONNECT_TIMEOUT": str(CONNECT_SECONDS),
        "PGOPTIONS": f"-c statement_timeout={ANSWER_SECONDS}s -c lock_timeout=2s",
        "PGAPPNAME": "stillhere-ops",
    }
    try:
        said = subprocess.run(
            command,
            input=QUESTION,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=ANSWER_SECONDS + CONNECT_SECONDS,
            cwd="/",
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        return None, f"it takes connections and says nothing within {error.timeout:.0f} s"
    if said.returncode:
        return None, " ".join(said.stderr.split())[:MOST_WORDS]
    found: Facts = json.loads(said.stdout)
    return found, ""


# A standby's WAL receiver begins at the start of a segment, before what is replayed already.
# A primary's timeline is in the name of the file it writes: its last checkpoint may be older.
# So may a standby's be, for minutes; what it has received is in the names of its files, also
# when the primary is dead and its receiver gone.
QUESTION = """
WITH here AS (
    SELECT standby,
        CASE
            WHEN standby THEN greatest(
                pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
            ELSE pg_current_wal_lsn()
        END AS lsn
    FROM pg_is_in_recovery() AS standby
)
SELECT json_build_object(
    'is_standby', standby,
    'timeline', CASE
        WHEN standby THEN greatest(
            (SELECT received_tli FROM pg_stat_wal_receiver),
            (SELECT max(('x' || substr(name, 1, 8))::bit(32)::integer)
                FROM pg_ls_waldir()
                WHERE name ~ '^[0-9A-F]{24}$'),
            (SELECT min_recovery_end_timeline FROM pg_control_recovery()),
            (SELECT timeline_id FROM pg_control_checkpoint()))
        ELSE ('x' || substr(pg_walfile_name(lsn), 1, 8))::bit(32)::integer
    END,
    'lsn', lsn,
    'replay_lsn', CASE WHEN standby THEN pg_last_wal_replay_lsn() ELSE lsn END,
    'replay_age_seconds', CASE WHEN standby THEN
        round(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 3)
    END,
    'is_replay_paused', CASE WHEN standby THEN pg_is_wal_replay_paused() ELSE false END,
    'receiver', (
        SELECT json_build_object('status', status, 'host', sender_host, 'slot', slot_name)
        FROM pg_stat_wal_receiver
    ),
    'settings', (
        SELECT json_object_agg(name, setting) FROM pg_settings WHERE name IN (@settings@)
    ),
    'replicas', (
        SELECT coalesce(json_agg(json_build_object(
            'name', application_name, 'address', coalesce(host(client_addr), ''),
            'state', state, 'sent_lsn', sent_lsn, 'flush_lsn', flush_lsn,
            'replay_lsn', replay_lsn, 'sync_state', sync_state
        ) ORDER BY application_name, pid), '[]')
        FROM pg_stat_replication
    ),
    'slots', (
        SELECT coalesce(json_agg(json_build_object(
            'name', slot_name, 'is_active', active, 'restart_lsn', restart_lsn,
            'wal_status', wal_status, 'kept_bytes', pg_wal_lsn_diff(lsn, restart_lsn)
        ) ORDER BY slot_name), '[]')
        FROM pg_replication_slots
    ),
    'base_backups', (SELECT count(*) FROM pg_stat_progress_basebackup),
    'prepared_transactions', (SELECT count(*) FROM pg_prepared_xacts),
    'long_transactions', (
        SELECT coalesce(json_agg(json_build_object(
            'pid', pid, 'application', application_name,
            'seconds', round(extract(epoch FROM clock_timestamp() - xact_start), 1)
        ) ORDER BY xact_start), '[]')
        FROM pg_stat_activity
        WHERE backend_type = 'client backend'
            AND pid <> pg_backend_pid()
            AND xact_start < clock_timestamp() - interval '5 seconds'
    ),
    'connections', (
        SELECT coalesce(json_agg(json_build_object(
            'application', application_name, 'user', usename, 'address', address, 'count', count
        ) ORDER BY application_name, usename, address), '[]')
        FROM (
            SELECT application_name, usename, coalesce(host(client_addr), '') AS address, count(*)
            FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
            GROUP BY 1, 2, 3
        ) AS open
    )
) FROM here
""".replace("@settings@", ", ".join(f"'{name}'" for name in SETTINGS))
