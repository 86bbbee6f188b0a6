"""The same on the older Debian: from bare to applied, and nothing to do after it."""

import pytest

from ops.fleets import find_fleet
from tests.ops.labs import lab_of_a_test
from tests.ops.operator import EMPTY, fab, shown_plan
from tests.ops.rehearsal import Rehearsal
from tests.ops.servers.databases import STREAMS, rows, wait_for

pytestmark = [pytest.mark.lab, pytest.mark.long]


def test_bare_hosts_become_servers() -> None:
    with lab_of_a_test(debian=12) as lab:
        rehearsal = Rehearsal(lab)
        fleet = find_fleet(str(rehearsal.inventory))
        applied = fab("apply", "--fleet", str(fleet.path))
        assert applied.returncode == 0, applied.stdout + applied.stderr
        assert shown_plan(fleet).returncode == EMPTY
        assert "12" in rehearsal.run("app1", ["cat", "/etc/debian_version"])
        assert rows(rehearsal, "db1", STREAMS) == ["db2|streaming"]
        assert rows(rehearsal, "db2", "SHOW server_version")[0].startswith("15.")
        rehearsal.run("db1", ["systemctl", "restart", "postgresql@15-main"])  # its guard asks db2
        wait_for(lambda: rows(rehearsal, "db1", STREAMS) == ["db2|streaming"], "db2 to stream")
