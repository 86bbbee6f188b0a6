"""What is wrong is found before anything is touched: it is named, and the primary goes on."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from ops.lab import faults
from ops.lab.drill.product import Product
from tests.ops.failover import troubles
from tests.ops.failover.pair import STREAMING, Pair, until

pytestmark = pytest.mark.lab

# 24 MB of what no table keeps; random, so that it is not compressed.
A_LOT = """
SELECT count(pg_logical_emit_message(false, 'test', (
    SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 32768)
))) FROM generate_series(1, 24)
"""


def refused(pair: Pair, *words: str) -> None:
    """Try, and see that it was said why, that nothing was changed, and that all goes on."""
    old, new = pair.roles()
    done = pair.failover(new)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert [one for one in (*words, "Nothing was changed.") if one not in said] == [], said
    assert pair.product.primaries() == [old]
    assert "fence" not in pair.product.run(old, ["nft", "list", "tables"])
    # As the application, and with the disk's word for it.
    assert pair.stage.curl("lb1", 4, f"https://ping.stillhere.test/{pair.stage.targets[0]}") == (
        "200"
    )
    pair.product.psql(old, "SELECT pg_logical_emit_message(true, 'test', '')")


def test_a_port_that_one_application_server_cannot_reach_is_named(pair: Pair) -> None:
    _, new = pair.roles()
    port = pair.lab.host("app2"), pair.lab.host(new), 5432
    faults.block_port(pair.lab, *port)
    try:
        refused(pair, "P5", "app2", new, "5432")
    finally:
        faults.clear(pair.lab)


@contextmanager
def lagging(product: Product, standby: str) -> Iterator[None]:
    with troubles.receiver_hanging(product, standby):
        product.psql(product.primary(), A_LOT)
        yield


@contextmanager
def full(product: Product, standby: str) -> Iterator[None]:
    with troubles.disk_full(product, standby):
        until(lambda: product.psql(product.primary(), STREAMING) == "1", "the standby")
        yield


@contextmanager
def with_more_connections(product: Product, standby: str) -> Iterator[None]:
    now = int(product.psql(standby, "SHOW max_connections"))
    with troubles.setting(product, standby, "max_connections", str(now + 5)):
        until(lambda: product.psql(product.primary(), STREAMING) == "1", "the standby")
        yield


def paused(product: Product, standby: str) -> AbstractContextManager[None]:
    return troubles.replay_paused(product, standby)


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (paused, ("P4", "replay is paused")),
        pytest.param(lagging, ("P4", "too far behind"), marks=pytest.mark.long),
        pytest.param(full, ("P6", "free on its disk"), marks=pytest.mark.long),
        pytest.param(with_more_connections, ("P4", "max_connections"), marks=pytest.mark.long),
    ],
    ids=["paused", "lagging", "disk full", "max_connections"],
)
def test_a_standby_that_is_not_fit_is_refused(
    pair: Pair, trouble: "type[AbstractContextManager[None]]", words: tuple[str, ...]
) -> None:
    _, new = pair.roles()
    with trouble(pair.product, new):  # type: ignore[call-arg]
        refused(pair, *words, new)
    until(pair.streams, "the standby to stream again")
    assert pair.fab("db.status").returncode == 0
