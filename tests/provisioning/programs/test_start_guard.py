"""May a cluster start: the rule, and the guard between two real servers."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioning.programs import database_peers
from provisioning.programs.database_peers import Answer
from provisioning.programs.start_guard import Decision, Own, Places, decide, guarded
from tests.clusters import Node, Pair, running_node, running_pair
from tests.postgresql import PORT, owner

NOW = datetime(2026, 11, 21, 22, 0, tzinfo=UTC)
PRIMARY = Own(is_standby=False, role="primary", system_identifier="7", timeline=3, name="db1")
ANSWERS = st.builds(
    Answer,
    name=st.sampled_from(["db2", "db3"]),
    is_primary=st.sampled_from([True, False, None]),
    system_identifier=st.sampled_from(["7", "8"]),
    timeline=st.integers(1, 6),
    said=st.just("no answer within 3 s"),
)
OWNS = st.builds(
    Own,
    is_standby=st.booleans(),
    role=st.sampled_from(["primary", "fenced", "", "nonsense"]),
    system_identifier=st.just("7"),
    timeline=st.integers(0, 6),
    is_alone=st.booleans(),
)


@given(own=OWNS, answers=st.lists(ANSWERS, max_size=3))
def test_a_primary_starts_only_when_no_other_can_be_one(own: Own, answers: list[Answer]) -> None:
    decision = decide(own, answers)
    if own.is_standby:
        assert decision.may_start
        return
    rivals = [
        one for one in answers if (one.is_primary and (one.timeline >= own.timeline
        or one.system_identifier != own.system_identifier))
        or (one.is_primary is False and one.timeline > own.timeline
        and one.system_identifier == own.system_identifier)
    ]  # fmt: skip
    silent = [one for one in answers if one.is_primary is None]
    is_known = own.role == "primary" and own.timeline > 0
    assert decision.may_start == (is_known and not rivals and (own.is_alone or not silent))


@given(own=OWNS, answers=st.lists(ANSWERS, max_size=3), one_more=ANSWERS)
def test_one_more_host_never_makes_a_start_possible(
    own: Own, answers: list[Answer], one_more: Answer
) -> None:
    if decide(own, [*answers, one_more]).may_start:
        assert decide(own, answers).may_start


@pytest.mark.parametrize(
    ("own", "answers", "words"),
    [
        (replace(PRIMARY, role="fenced"), [], ["marker says fenced", "db.rejoin", "db.unfence"]),
        (replace(PRIMARY, role=""), [], ["no role marker"]),
        (
            PRIMARY,
            [Answer("db2", True, "7", 4)],
            ["db2 is primary on timeline 4", "fab db.rejoin db1"],
        ),
        (
            PRIMARY,
            [Answer("db2", said="timeout")],
            ["db2 (timeout)", "fab db.unfence db1 --peer-is-dead"],
        ),
        (PRIMARY, [Answer("db2", True, "8", 1)], ["db2 is the primary of another cluster"]),
        (replace(PRIMARY, timeline=0), [], ["timeline cannot be read"]),
    ],
)
def test_a_refusal_says_why_and_how_to_go_on(
    own: Own, answers: list[Answer], words: list[str]
) -> None:
    decision = decide(own, answers)
    assert not decision.may_start
    for each in words:
        assert each in decision.why


@dataclass(slots=True)
class Guarded:
    """Two servers as two hosts, each with the files that the guard reads."""

    pair: Pair
    folder: Path

    def places(self, own: Node, *peers: Node) -> Places:
        """Return the places of a host whose other hosts are these."""
        folder = self.folder / own.directory.name
        folder.mkdir(exist_ok=True)
        places = Places(
            own.data, folder / "role", folder / "peer-is-dead", folder / "said", folder / "peers"
        )
        listed = [
            {"name": one.directory.name, "address": str(one.directory), "address6": "/nowhere"}
            for one in peers
        ]
        places.peers.write_text(json.dumps({"peers": listed, "port": PORT}))
        return places

    def of_primary(self, role: str = "primary") -> Places:
        """Return the places of the host that was the primary in the beginning."""
        places = self.places(self.pair.primary, self.pair.standby)
        places.marker.write_text(json.dumps({"role": role}))
        return places

    def of_standby(self, role: str = "") -> Places:
        """Return the places of the other host; a promoted one has the role marker `primary`."""
        places = self.places(self.pair.standby, self.pair.primary)
        if role:
            places.marker.write_text(json.dumps({"role": role}))
        return places


def judged(places: Places, now: datetime = NOW) -> Decision:
    """Ask the guard; what it keeps for operators says the same."""
    decision = guarded(places, now)
    kept = json.loads(places.said.read_text())
    assert kept["decision"] == ("start" if decision.may_start else "refuse")
    assert kept["why"] == decision.why
    assert datetime.fromisoformat(kept["at"]) == now
    return decision


def allow(places: Places, since: datetime) -> None:
    places.permission.write_text(json.dumps({"by": "ada", "since": since.isoformat()}))


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Guarded]:
    with running_pair() as pair:
        pair.primary.ask("CREATE ROLE replication LOGIN REPLICATION")
        pair.catch_up()
        yield Guarded(pair, tmp_path)


@pytest.fixture(scope="module")
def down(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Give a primary that is down, and its standby that is up, to tests that change neither."""
    with running_pair() as pair:
        pair.primary.ask("CREATE ROLE replication LOGIN REPLICATION")
        pair.catch_up()
        pair.primary.kill()
        yield Guarded(pair, tmp_path_factory.mktemp("down"))


def test_a_primary_whose_standby_answers_starts(down: Guarded) -> None:
    assert judged(down.of_primary()) == Decision(
        True, f"the primary; heard: {down.pair.standby.directory.name}"
    )
    assert not judged(down.of_primary("fenced")).may_start


def test_two_hosts_that_are_powered_on_together_find_their_roles_again(two: Guarded) -> None:
    two.pair.primary.kill()
    two.pair.standby.kill()
    assert not judged(two.of_primary()).may_start  # the other may have been promoted
    assert judged(two.of_standby()).may_start
    two.pair.standby.start()
    assert judged(two.of_primary()).may_start


def test_an_old_primary_starts_as_a_standby_only(two: Guarded) -> None:
    two.pair.primary.kill()
    two.pair.promote()
    places = two.of_primary()
    refused = judged(places)
    assert not refused.may_start
    assert "is primary on timeline 2, this one was on 1" in refused.why
    allow(places, NOW)
    assert not judged(places).may_start  # nobody may say that it is dead while it answers
    (places.data / "standby.signal").touch()
    assert judged(places).may_start


def test_an_old_primary_does_not_start_before_a_standby_that_knows_a_later_one(
    two: Guarded,
) -> None:
    """The later one was made a standby by somebody, or is another host, which is away."""
    two.pair.primary.kill()
    two.pair.promote()
    two.pair.standby.stop()
    (two.pair.standby.data / "standby.signal").touch()
    shutil.chown(two.pair.standby.data / "standby.signal", *owner())
    two.pair.standby.start()
    places = two.of_primary()
    refused = judged(places)
    assert not refused.may_start
    assert "is a standby on timeline 2, this one was on 1" in refused.why
    assert f"fab db.failover --to {two.pair.standby.directory.name} --primary-lost" in refused.why
    allow(places, NOW)
    assert not judged(places).may_start


def test_a_new_primary_that_dies_at_once_knows_its_timeline(two: Guarded) -> None:
    """Its last checkpoint is of the old one; the old primary, not told of anything, runs on."""
    two.pair.promote()
    two.pair.standby.kill()
    assert judged(two.of_standby("primary")).may_start


def test_a_word_for_a_dead_peer_is_good_for_one_start_and_for_a_short_while(two: Guarded) -> None:
    two.pair.primary.kill()
    two.pair.standby.kill()
    places = two.of_primary()
    for since in (NOW - timedelta(hours=1), NOW + timedelta(hours=1)):
        allow(places, since)
        assert not judged(places).may_start
    allow(places, NOW - timedelta(minutes=1))
    allowed = judged(places)
    assert allowed.may_start
    assert "not waited for" in allowed.why
    assert not places.permission.exists()
    assert not judged(places).may_start


def test_a_word_that_was_not_needed_is_used_up_all_the_same(down: Guarded) -> None:
    places = down.of_primary()
    allow(places, NOW)
    assert judged(places).may_start
    assert not places.permission.exists()


def test_a_peer_that_takes_the_connection_and_says_nothing_is_no_answer(
    down: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_peers, "ANSWER_SECONDS", 1)
    down.pair.standby.pause()
    assert not judged(down.of_primary()).may_start
    down.pair.standby.resume()


def test_the_primary_of_another_cluster_is_a_rival_whatever_its_timeline(two: Guarded) -> None:
    two.pair.promote()  # ours is on timeline 2, the stranger on 1
    two.pair.standby.kill()
    with running_node() as stranger:
        stranger.ask("CREATE ROLE replication LOGIN REPLICATION")
        places = two.places(two.pair.standby, stranger)
        places.marker.write_text(json.dumps({"role": "primary"}))
        refused = judged(places)
    assert not refused.may_start
    assert "another cluster" in refused.why


@pytest.mark.parametrize("text", [None, "", "{}", '{"peers": [{"name": "db2"}], "port": 5432}'])
def test_who_does_not_know_whom_to_ask_does_not_start(tmp_path: Path, text: str | None) -> None:
    role, permission, said, peers = (tmp_path / name for name in ("role", "dead", "said", "peers"))
    places = Places(tmp_path / "data", role, permission, said, peers)
    places.marker.write_text(json.dumps({"role": "primary"}))
    if text is not None:
        places.peers.write_text(text)
    refused = judged(places)
    assert not refused.may_start
    assert "nobody says which other database hosts there are" in refused.why
