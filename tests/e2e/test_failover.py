"""A failover to a standby that lacks the last transactions: nothing is lost, nothing doubled."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest

from app.pings.directory import Known, load
from tests.clusters import Node, Pair, dump, restore, running_node, running_pair
from tests.e2e.ping_server import Ledger, PingServer, tokens
from tests.e2e.service import wait_for as wait
from tests.relay import Way, running_relay

pytestmark = [pytest.mark.processes, pytest.mark.own_database]
T = TypeVar("T")

KEY = "k" * 22
SLUGS = 3
_MAKE = f"""
from app.accounts.keys import digest
from app.accounts.models import Project
from app.checks.models import Check, next_change
from django.db import transaction
with transaction.atomic():
    project = Project.objects.create(
        name="p", ping_key_digest=digest("{KEY}"), directory_change=next_change()
    )
result = [str(Check.objects.create(project=project, slug=f"s{{n}}").code) for n in range({SLUGS})]
"""


def wait_for(condition: Callable[[], T], what: str, context: Callable[[], str] = str) -> T:
    """Wait as long as a busy machine needs: what would take for ever is a failure all the same."""
    return wait(condition, what, context, timeout_seconds=90)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with running_pair() as pair:
        yield pair


def ready(server: PingServer) -> list[str]:
    """Make the tables and some checks; return where to ping them."""
    server.manage("migrate", "--verbosity=0")
    return [f"/ping/{code}" for code in server.evaluate(_MAKE)]


@pytest.fixture
def server(pair: Pair, tmp_path: Path) -> Iterator[PingServer]:
    server = PingServer.on(pair.url, tmp_path / "one")
    try:
        yield server
    finally:
        server.close()


def applied(node: Node) -> list[str]:
    return tokens(node.ask("SELECT body FROM pings_ping WHERE body IS NOT NULL"))


def is_known(server: PingServer, code: str) -> bool:
    """Return True when the receiver's directory has the check."""
    snapshot = server.data_dir / "journal" / "0" / "directory"
    return load(snapshot).find(UUID(code))[0] is Known.YES


def settle(ledger: Ledger, node: Node, server: PingServer) -> None:
    """Stop sending; wait until all is applied, and nothing twice."""
    ledger.end()
    wait_for(
        lambda: ledger.acknowledged <= set(applied(node)),
        "all tokens",
        server.log,
    )
    found = Counter(applied(node))
    assert [token for token, count in found.items() if count > 1] == []
    assert set(found) <= ledger.sent
    counts = node.ask(
        "SELECT n_pings, (SELECT count(*) FROM pings_ping WHERE check_id = c.id)"
        " FROM checks_check AS c"
    )
    assert all(n_pings == rows for n_pings, rows in counts)
    assert sum(rows for _, rows in counts) == len(applied(node))


def test_an_asynchronous_failover_loses_and_doubles_nothing(pair: Pair, server: PingServer) -> None:
    ledger = Ledger(server, ready(server))
    server.start("receiver", "drain")
    ledger.begin()
    ledger.grow(100)
    wait_for(lambda: len(applied(pair.primary)) > 50, "the drain", server.log)
    pair.catch_up()
    pair.lag()
    # A check that only the old primary knows, made by a ping, and then pinged by its code.
    # 200 when the verdict takes longer than a second, on a busy machine.
    assert server.ping(f"/ping/{KEY}/late?create=1", b"first") in (200, 201)
    ledger.acknowledged.add("first")
    ledger.sent.add("first")
    ask = "SELECT code::text FROM checks_check WHERE slug = 'late'"
    ((late,),) = wait_for(lambda: pair.primary.ask(ask), "the check", server.log)
    # Its receiver has to know the code, or what is asked of the drain counts as a guess.
    wait_for(lambda: is_known(server, late), "the receiver to know it", server.log)
    ledger.paths.append(f"/ping/{late}")
    ledger.grow(200)
    wait_for(lambda: len(applied(pair.primary)) > 250, "the drain", server.log)
    pair.primary.kill()
    ledger.grow(50)
    lacking = len(ledger.acknowledged) - len(applied(pair.standby))
    pair.promote()
    ledger.grow(50)
    settle(ledger, pair.standby, server)
    assert lacking >= 150
    assert pair.standby.ask(ask) == [(late,)]
    assert pair.standby.ask("SELECT number FROM pings_timeline ORDER BY 1") == [(1,), (2,)]
    # The old primary comes back and takes writes: nobody goes there any more.
    pair.primary.start()
    server.kill("drain")
    server.start("drain")
    assert server.ping(f"/ping/{late}", b"last") == 200
    wait_for(lambda: "last" in applied(pair.standby), "the last token", server.log)
    assert "last" not in applied(pair.primary)


@pytest.mark.long
def test_a_moment_of_two_primaries_loses_and_doubles_nothing(
    pair: Pair, server: PingServer
) -> None:
    ledger = Ledger(server, ready(server))
    server.start("receiver", "drain")
    ledger.begin()
    ledger.grow(100)
    pair.lag()
    ledger.grow(100)
    wait_for(lambda: len(applied(pair.primary)) > 150, "the drain", server.log)
    pair.promote()
    began = time.monotonic()
    ledger.grow(100)
    # Both take writes. The drain sees the new one by itself, while the old one is well.
    wait_for(
        lambda: len(applied(pair.standby)) > 250,
        "the drain to move",
        server.log,
    )
    both = time.monotonic() - began
    on_the_old = len(applied(pair.primary))
    ledger.grow(100)
    settle(ledger, pair.standby, server)
    assert on_the_old == len(applied(pair.primary)), "somebody still writes to the old primary"
    assert "is the primary now, on timeline 2" in server.log("drain")
    assert both > 0.5


@pytest.mark.long
def test_a_check_that_was_lost_has_its_pings_when_it_is_made_again(
    pair: Pair, server: PingServer
) -> None:
    ready(server)
    server.start("receiver", "drain")
    pair.catch_up()
    pair.lag()
    make = (
        "from app.checks.models import Check\n"
        "from app.accounts.models import Project\n"
        "result = str(Check.objects.create(project=Project.objects.get(), {}).code)"
    )
    code = server.evaluate(make.format("name='lost'"))
    wait_for(lambda: server.ping(f"/ping/{code}") == 200, "the check", server.log)
    wait_for(lambda: is_known(server, code), "the receiver to know it", server.log)
    assert server.ping(f"/ping/{code}", b"on the old one") == 200
    wait_for(lambda: len(applied(pair.primary)) == 1, "the drain", server.log)
    pair.primary.kill()
    pair.promote()
    wait_for(
        lambda: pair.standby.ask("SELECT 1 FROM pings_orphan"),
        "an orphan",
        server.log,
    )
    # Its receiver has heard of the new database, and does not say that there is no such check.
    time.sleep(3)
    kept = "SELECT count(*) FROM pings_orphan"
    before = pair.standby.ask(kept)
    assert server.ping(f"/ping/{code}", b"on the new one") == 200
    wait_for(lambda: pair.standby.ask(kept) > before, "another orphan", server.log)
    assert f"check {code}: " in server.manage("lost_checks")
    server.evaluate(make.format(f"name='back', code='{code}'"))
    wait_for(
        lambda: len(applied(pair.standby)) == 2,
        "the orphans' return",
        server.log,
    )
    assert pair.standby.ask(kept) == [(0,)]


@pytest.fixture
def durable() -> Iterator[Node]:
    with running_node() as node:
        yield node


@pytest.mark.long
def test_commits_whose_answers_are_lost_or_never_come_double_nothing(
    durable: Node, tmp_path: Path
) -> None:
    with running_relay(durable.socket) as relay:
        server = PingServer.on(relay.url, tmp_path / "one", DATABASE_ANSWER_SECONDS="1")
        try:
            ledger = Ledger(server, ready(server))
            server.start("receiver", "drain")
            ledger.begin()
            for way in 3 * [Way.ANSWER_LOST, Way.MUTED, Way.ANSWER_LOST]:
                ledger.grow(30)
                lost = relay.broken
                relay.breaks(b"COMMIT", way)
                wait_for(lambda: relay.broken > lost, "a commit", server.log)  # noqa: B023
            settle(ledger, durable, server)
        finally:
            server.close()
        assert relay.broken == 9
        assert "no answer from the database within 2 s" in server.log("drain")


@pytest.mark.long
def test_segments_are_kept_while_the_standby_lacks_what_is_in_them(
    pair: Pair, tmp_path: Path
) -> None:
    small = {"SEGMENT_BYTES": "4096", "JOURNAL_KEEP_SECONDS": "0"}
    server = PingServer.on(pair.url, tmp_path / "one", **small)
    try:
        ledger = Ledger(server, ready(server))
        server.start("receiver", "drain")
        kept = server.data_dir / "journal" / "0"
        pair.lag()
        ledger.begin()
        ledger.grow(200)
        ledger.end()
        wait_for(
            lambda: ledger.acknowledged <= set(applied(pair.primary)),
            "it",
            server.log,
        )
        time.sleep(35)  # the drain keeps house each 30 s
        assert min(int(path.stem) for path in kept.glob("*.journal")) == 1
        pair.hear_again()
        wait_for(
            lambda: len(list(kept.glob("*.journal"))) == 1,
            "them to go",
            server.log,
        )
        assert pair.primary.ask("SELECT dropped_early FROM pings_position") == [(0,)]
    finally:
        server.close()


@pytest.mark.long
def test_another_database_is_drained_into_only_when_it_was_adopted(
    durable: Node, tmp_path: Path
) -> None:
    server = PingServer.on(durable.url, tmp_path / "one")
    with running_node() as other:
        try:
            ledger = Ledger(server, ready(server))
            server.start("receiver", "drain")
            ledger.begin()
            ledger.grow(50)
            restore(other, dump(durable))
            ledger.grow(50)
            wait_for(lambda: len(applied(durable)) > 80, "the drain", server.log)
            server.kill("drain")
            server.environment["DATABASE_URL"] = other.url
            before = len(applied(other))
            server.start("drain")
            wait_for(lambda: "CRITICAL" in server.log("drain"), "an alarm", server.log)
            ledger.grow(50)
            assert len(applied(other)) == before
            said = server.manage("adopt_database")
            assert "pings can be applied again; none is gone" in said
            system = said.rsplit("--confirm ", 1)[1].strip()
            assert len(applied(other)) == before
            server.manage("adopt_database", "--confirm", system)
            settle(ledger, other, server)
        finally:
            server.close()
