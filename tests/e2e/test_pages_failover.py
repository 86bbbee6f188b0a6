"""The pages over a failover: calm while it lasts, and nobody has to restart them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.clusters import Node, Pair, running_pair
from tests.e2e.ping_server import PingServer
from tests.e2e.service import wait_for as wait
from tests.e2e.visitor import Visitor

pytestmark = [pytest.mark.processes, pytest.mark.own_database]
PATIENCE_SECONDS = 90  # what would take for ever is a failure all the same


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


@pytest.fixture
def server(pair: Pair, tmp_path: Path) -> Iterator[PingServer]:
    server = PingServer.on(pair.url, tmp_path / "one")
    try:
        server.manage("migrate", "--verbosity=0")
        server.start("receiver", "drain")
        server.start("pages")  # into the folder that the receiver makes for sockets
        yield server
    finally:
        server.close()


@pytest.fixture
def visitor(server: PingServer) -> Visitor:
    visitor = Visitor.at(server)
    becomes(visitor, 200)
    return visitor


def becomes(visitor: Visitor, status: int) -> None:
    wait(
        lambda: visitor.get(visitor.checks).status == status,
        f"a page with status {status}",
        visitor.server.log,
        timeout_seconds=PATIENCE_SECONDS,
    )


def begin(visitor: Visitor) -> None:
    """Look again and again, until every thread of the pages has had its turn."""
    visitor.begin()
    wait(
        lambda: len(visitor.answers) > 100,
        "answers",
        visitor.server.log,
        timeout_seconds=PATIENCE_SECONDS,
    )


def checks(node: Node) -> set[str]:
    return {name for (name,) in node.ask("SELECT name FROM checks_check")}


def refuse_changes(node: Node, *, refuse: bool) -> None:
    """Have every new transaction read only, as an operator may, and a demoted primary does."""
    node.ask(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if refuse else 'off'}")
    node.ask("SELECT pg_reload_conf()")
    wanted = "on" if refuse else "off"
    asked = "SHOW default_transaction_read_only"
    wait(lambda: node.ask(asked) == [(wanted,)], "it", timeout_seconds=PATIENCE_SECONDS)


def test_pages_are_calm_over_a_planned_failover_and_need_no_restart(
    pair: Pair, server: PingServer, visitor: Visitor
) -> None:
    assert visitor.add_check("before").status == 302
    begin(visitor)

    # A moment in which nothing can be written: a form is not lost.
    refuse_changes(pair.primary, refuse=True)
    seen = visitor.add_check("in the moment")
    assert seen.status == 503
    assert "Nothing was saved yet" in seen.text
    assert (seen.headers["Retry-After"], "Refresh" in seen.headers) == ("5", False)
    refuse_changes(pair.primary, refuse=False)
    assert visitor.send(f"{visitor.checks}add/", dict(seen.fields())).status == 302

    pair.catch_up()
    pair.primary.stop()
    becomes(visitor, 503)
    seen = visitor.get(visitor.checks)
    assert "One moment, please" in seen.text
    assert seen.headers["Refresh"] == "5"
    pair.promote()
    becomes(visitor, 200)
    seen = visitor.add_check("after")
    assert seen.status == 302, server.log("pages")
    assert visitor.get(visitor.checks).text.count("in the moment") > 0
    assert checks(pair.standby) == {"before", "in the moment", "after"}
    counts = visitor.end()
    assert set(counts) == {200, 503}, server.log("pages")
    assert "Traceback" not in server.log("pages")


@pytest.mark.long
def test_pages_leave_an_old_primary_that_lives_on(
    pair: Pair, server: PingServer, visitor: Visitor
) -> None:
    assert visitor.add_check("before").status == 302
    begin(visitor)
    pair.catch_up()
    pair.promote()  # and the old one goes on, and answers those who are connected to it
    wait(
        lambda: "database noted" in server.log("drain").partition("timeline=1")[2],
        "the drain to meet the new one",
        server.log,
        timeout_seconds=PATIENCE_SECONDS,
    )
    assert visitor.add_check("after").status == 302
    assert "after" in checks(pair.standby)
    assert checks(pair.primary) == {"before"}
    assert set(visitor.end()) <= {200, 503}


@pytest.mark.long
def test_pages_give_a_silent_primary_up(pair: Pair, server: PingServer, visitor: Visitor) -> None:
    """A fence drops what established connections say, too: nobody answers any more."""
    assert visitor.add_check("before").status == 302
    begin(visitor)
    pair.catch_up()
    pair.primary.pause()
    pair.promote()
    becomes(visitor, 200)
    assert visitor.add_check("after").status == 302
    assert checks(pair.standby) == {"before", "after"}
    assert set(visitor.end()) <= {200, 503}
