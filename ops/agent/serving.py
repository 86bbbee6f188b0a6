"""What runs on a host while an operator looks at it or changes it: sent, never installed.

`ops/remote` sends the text of these modules to `python3` on the host and then
speaks to it by lines of JSON on its stdin and stdout. So facts cost one round
trip, secrets travel by stdin, and when the line breaks the end of stdin ends the
agent, which lets go of the operators' lock. Only Python 3.11's own library here.

    {"ask": "observe", "resources": [...]}    -> {"machine": {...}, "found": {key: {...}}}
    {"ask": "lock", "who": ..., "why": ...}   -> {} or {"held_by": ...}
    {"ask": "change", "kind": ..., ...}       -> {"ok": true} or {"ok": false, "said": ...}
    {"ask": "confirm", ...}                   -> the same
    {"ask": "haproxy", "commands": [...]}     -> {"answers": [...]}, what its socket says
    {"ask": "doors"}, {"ask": "probe", ...}   -> see ops/agent/probing
    {"ask": "releases"}, "make_room", "unpack", "publish", "switch", "let_go": see releasing
    {"ask": "examine", ...}                   -> see ops/agent/examining
    {"ask": "standing"}, "set_mark", "manage", "fetch" and others: see deploying
    {"ask": "software"}, "upgrade", "reboot" and others: see updating
    {"ask": "cluster", "port": ...}           -> see ops/agent/clusters
    {"ask": "fence"}, "stop_database", "promote" and others: see failing_over
    {"ask": "first_write"}, "replication_login", "database_url": see proving
    {"ask": "rewind", ...}, "follow", "database_log": see rejoining
    {"ask": "backups", ...}, "begin_backups" and others: see backing_up
"""

import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from ops.agent.backing_up import (
    backups,
    begin_backups,
    follow_backup_unit,
    follow_backups,
    start_backup_unit,
    stop_backups,
)
from ops.agent.balancing import haproxy
from ops.agent.changing import change
from ops.agent.clusters import cluster
from ops.agent.commands import LOCK, Failed
from ops.agent.deploying import (
    fetch,
    manage,
    rest,
    restart_services,
    see_database,
    services,
    set_maintenance,
    set_mark,
    standing,
    stop_notifier,
    stop_taking,
)
from ops.agent.examining import examine
from ops.agent.failing_over import (
    allow_start,
    checkpoint,
    fence,
    hold_wal,
    keep_procedure,
    kill_database,
    procedure,
    promote,
    start_database,
    stop_database,
    unfence,
)
from ops.agent.guarding import confirm
from ops.agent.probing import doors, probe
from ops.agent.proving import database_url, first_write, replication_login
from ops.agent.rejoining import database_log, follow, rewind
from ops.agent.releasing import let_go, make_room, publish, releases, switch, unpack
from ops.agent.seeing import observe
from ops.agent.updating import (
    boot,
    reboot,
    restart_units,
    settle,
    software,
    upgrade,
)
from provisioning.programs.certifying import (
    certificates,
    handshakes,
    install_certificates,
    order_certificate,
    restore_certificates,
)

_held: list[TextIO] = []  # an open file is what holds the lock


def main() -> None:
    """Serve requests until stdin ends."""
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"ok": True, **ASKED[asked.pop("ask")](**asked)}
        except (Failed, OSError, KeyError, subprocess.SubprocessError) as error:
            answer = {"ok": False, "said": str(error) or type(error).__name__}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def lock(who: str, why: str) -> dict[str, str]:
    """Hold this host for one operator until the agent ends; tell who holds it otherwise."""
    file = open(LOCK, "a+")
    os.fchmod(file.fileno(), 0o600)  # who can read a file can hold it, a service's user too
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        return {"held_by": file.read() or "somebody"}
    file.truncate(0)
    file.write(f"{who} since {time.strftime('%H:%M:%S UTC', time.gmtime())}: {why}")
    file.flush()
    _held.append(file)
    return {}


ASKED: dict[str, Callable[..., dict[str, Any]]] = {
    "observe": observe,
    "lock": lock,
    "change": change,
    "confirm": confirm,
    "haproxy": haproxy,
    "doors": doors,
    "probe": probe,
    "releases": releases,
    "make_room": make_room,
    "unpack": unpack,
    "publish": publish,
    "switch": switch,
    "let_go": let_go,
    "examine": examine,
    "certificates": certificates,
    "order_certificate": order_certificate,
    "install_certificates": install_certificates,
    "restore_certificates": restore_certificates,
    "handshakes": handshakes,
    "standing": standing,
    "set_mark": set_mark,
    "set_maintenance": set_maintenance,
    "stop_notifier": stop_notifier,
    "restart_services": restart_services,
    "stop_taking": stop_taking,
    "rest": rest,
    "services": services,
    "manage": manage,
    "fetch": fetch,
    "see_database": see_database,
    "software": software,
    "upgrade": upgrade,
    "restart_units": restart_units,
    "boot": boot,
    "reboot": reboot,
    "settle": settle,
    "cluster": cluster,
    "fence": fence,
    "unfence": unfence,
    "allow_start": allow_start,
    "stop_database": stop_database,
    "kill_database": kill_database,
    "start_database": start_database,
    "promote": promote,
    "checkpoint": checkpoint,
    "hold_wal": hold_wal,
    "keep_procedure": keep_procedure,
    "procedure": procedure,
    "replication_login": replication_login,
    "database_url": database_url,
    "first_write": first_write,
    "rewind": rewind,
    "follow": follow,
    "database_log": database_log,
    "backups": backups,
    "begin_backups": begin_backups,
    "follow_backups": follow_backups,
    "stop_backups": stop_backups,
    "start_backup_unit": start_backup_unit,
    "follow_backup_unit": follow_backup_unit,
}
