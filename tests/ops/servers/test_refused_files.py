"""A configuration that its program refuses never goes live, and restarts nothing later."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from provisioning.fleet import Fleet
from provisioning.render import render
from provisioning.roles import app_server, base, database
from tests.ops.operator import apply_here, nothing_told, plan_of
from tests.ops.rehearsal import Rehearsal

pytestmark = pytest.mark.lab
HBA = "/etc/postgresql/17/main/pg_hba.conf"
CONF = "/etc/postgresql/17/main/conf.d/stillhere.conf"
ASK_POSTGRESQL = ["runuser", "-u", "postgres", "--", "psql", "-XAtc", "SELECT 1"]
ASK_NGINX = ["curl", "--silent", "--output", "/dev/null", "http://127.0.0.1:8080/"]


def with_more(template: str, lines: str) -> Callable[..., str]:
    def rendered(name: str, **values: Any) -> str:
        return render(name, **values) + (lines if name == template else "")

    return rendered


@pytest.mark.parametrize(
    ("host", "role", "path", "template", "lines", "said", "works"),
    [
        ("app1", app_server, "/etc/nginx/nginx.conf", "nginx.conf", "nonsense on;\n",
         'unknown directive "nonsense"', ASK_NGINX),
        ("db1", database, HBA, "pg_hba.conf", "hostssl all all 10.0.0.0/33 scram-sha-256\n",
         'invalid CIDR mask in address "10.0.0.0/33"', ASK_POSTGRESQL),
        ("db1", database, HBA, "pg_hba.conf", "host all all all pencil\n",
         'invalid authentication method "pencil"', ASK_POSTGRESQL),
        ("db1", database, CONF, "postgresql.conf", "work_mem = much\n",
         'invalid value for parameter "work_mem"', ASK_POSTGRESQL),
        ("app1", base, "/etc/nftables.conf", "nftables.conf", "nonsense\n",
         "syntax error", ["nft", "list", "table", "inet", "stillhere"]),
    ],
)  # fmt: skip
def test_a_refused_file_stays_beside_what_works(
    applied: Fleet, rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch,
    host: str, role: ModuleType, path: str, template: str, lines: str, said: str, works: list[str],
) -> None:  # fmt: skip
    before = rehearsal.run(host, ["cat", path])
    monkeypatch.setattr(role, "render", with_more(template, lines))
    results = {each.host: each for each in apply_here(applied, nothing_told)}
    assert said in results[host].trouble
    assert rehearsal.run(host, ["cat", path]) == before
    assert "stillhere-new" not in rehearsal.run(host, ["ls", str(Path(path).parent)])
    rehearsal.run(host, works)
    monkeypatch.undo()
    # Nothing was about to change, so nothing has to be told.
    assert plan_of(applied).is_empty
