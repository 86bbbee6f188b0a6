"""Logins at the fleet's databases, from wherever a host stands."""

import json
import subprocess
import sys
from typing import Any

from tests.ops.rehearsal import Rehearsal

# In the host's network and with this machine's Python: a bare host has no client.
_TRY = """
import json, sys
from concurrent.futures import ThreadPoolExecutor
import psycopg2
from psycopg2.extras import PhysicalReplicationConnection

def outcome(asked):
    replicates = asked.pop("replicates", False)
    kind = {"connection_factory": PhysicalReplicationConnection} if replicates else {}
    try:
        psycopg2.connect(connect_timeout=2, **kind, **asked).close()
    except psycopg2.OperationalError as error:
        return str(error).strip().splitlines()[0]
    return "in"

with ThreadPoolExecutor(16) as pool:
    print(json.dumps(list(pool.map(outcome, json.load(sys.stdin)))))
"""


def logins(rehearsal: Rehearsal, source: str, asked: list[dict[str, Any]]) -> list[str]:
    """Return for each login that is tried from the host "in", or why it was refused."""
    namespace = rehearsal.lab.namespace(rehearsal.lab.host(source))
    done = subprocess.run(
        ["ip", "netns", "exec", namespace, sys.executable, "-c", _TRY],
        input=json.dumps(asked), capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said: list[str] = json.loads(done.stdout)
    return said
