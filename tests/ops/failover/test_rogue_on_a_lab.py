"""A write that only the old primary has, on the timeline that it shares with the new one."""

import pytest

from ops.lab.drill.product import Product
from tests.ops.failover import troubles
from tests.ops.failover.pair import Pair, until

pytestmark = pytest.mark.lab

ROGUE = "CREATE TABLE written_by_a_rogue (n int); INSERT INTO written_by_a_rogue VALUES (1)"
IS_THERE = "SELECT count(*) FROM pg_tables WHERE tablename = 'written_by_a_rogue'"


def write_beside_the_primary(product: Product, host: str, unit: str) -> None:
    """Start a standby by hand as a primary, going round unit and guard, on a port of its own."""
    folder = f"/var/lib/postgresql/{troubles.version(product, host)}/main"
    program = f"/usr/lib/postgresql/{troubles.version(product, host)}/bin"
    settings = f"/etc/postgresql/{troubles.version(product, host)}/main/postgresql.conf"
    product.run(host, ["systemctl", "stop", unit])
    product.run(host, ["rm", f"{folder}/standby.signal"])
    options = f"-c config_file={settings} -c port=5999 -c listen_addresses=''"
    as_its_owner = ["runuser", "-u", "postgres", "--"]
    start = [f"{program}/pg_ctl", "-D", folder, "-w", "-s", "-o", options, "-l", "/dev/null"]
    product.run(host, [*as_its_owner, *start, "start"], timeout_seconds=120)
    ask = ["psql", "-Xq", "-p", "5999", "-d", "stillhere", "-c", ROGUE]
    product.run(host, [*as_its_owner, *ask])
    product.run(host, [*as_its_owner, f"{program}/pg_ctl", "-D", folder, "-w", "-s", "stop"])


def test_a_rogue_write_on_the_same_timeline_demands_a_new_copy(pair: Pair) -> None:
    primary, standby = pair.roles()
    write_beside_the_primary(pair.product, standby, pair.unit(standby))
    refused = pair.fab("db.rejoin", standby, "--confirm", standby)
    assert refused.returncode == 1, refused.stdout + refused.stderr
    assert f"fab db.standby {standby} --reclone" in refused.stderr
    assert pair.product.primaries() == [primary]
    # It may be a primary, for all that anybody knows: that it is none has to be said first.
    fenced = pair.fab("db.fence", standby, "--confirm", standby)
    assert fenced.returncode == 0, fenced.stdout + fenced.stderr
    cloned = pair.fab("db.standby", standby, "--reclone", "--confirm", standby)
    assert cloned.returncode == 0, cloned.stdout + cloned.stderr
    until(pair.streams, f"{standby} to follow")
    assert pair.product.psql(standby, IS_THERE) == "0"
    assert pair.fab("db.status").returncode == 0
