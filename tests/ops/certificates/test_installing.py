"""The order of things with balancers that answer as told; real ones are in test_certificates."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from ops.audit import Audit
from ops.certificates import installing
from ops.certificates.installing import Installation, refuse_bad
from ops.certificates.ordering import Pairs
from ops.certificates.pair import Kind
from ops.errors import ChangeFailed, Refused, Unreachable
from ops.inventory import read_fleet
from ops.remote import Session
from provisioning.fleet import Host
from tests.ops.certificates.authorities import NAMES, NOW, Authority, ecdsa_key, rsa_key
from tests.ops.inventories import inventory

NEW, OLD = (
    {Kind.ECDSA: authority.pair(ecdsa_key()), Kind.RSA: authority.pair(rsa_key())}
    for authority in (Authority(), Authority())
)


@dataclass
class World:
    """What each balancer shows, and how it takes new pairs: "" well, or a way to go wrong."""

    shows: dict[str, Pairs]
    moods: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)


@dataclass
class Talk:
    """A session as far as an installation needs one."""

    world: World
    host: Host

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        name = self.host.name
        mood = self.world.moods.get(name, "")
        if what == "handshakes":
            return {"handshakes": self._handshakes(values["addresses"][0])}
        self.world.said.append(f"{name} {what}")
        if what == "install_certificates":
            if mood == "refuses":
                raise ChangeFailed(f"{name}: haproxy -c")
            if mood == "breaks off":
                raise Unreachable(f"{name}: the connection broke")
            if mood != "deaf":
                self.world.shows[name] = NEW
        elif what == "restore_certificates":
            self.world.shows[name] = OLD
        return {}

    def _handshakes(self, address: str) -> list[dict[str, str]]:
        name = next(host.name for host in BALANCERS if host.address == address)
        if self.world.moods.get(name) == "silent":
            return [
                {"kind": kind, "name": "a", "address": address, "trouble": "no"} for kind in Kind
            ]
        return [
            {"kind": kind, "name": "a", "address": address, "certificate": text}
            for kind, text in self.world.shows[name].items()
        ]


BALANCERS = [
    Host(name, cast("Any", "load_balancer"), "inside", f"192.0.2.{number}", f"::{number}", "key")
    for number, name in enumerate(("lb1", "lb2", "lb3"), start=1)
]


@pytest.fixture
def bring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return what installs on three balancers and tells how each ended."""
    monkeypatch.setattr(installing, "PROOF_SECONDS", 0.05)
    monkeypatch.setattr(installing, "PAUSE_SECONDS", 0.01)
    (tmp_path / "berlin.toml").write_text(inventory())
    observer = read_fleet(tmp_path / "berlin.toml").host("obs1")
    audit = Audit("berlin", "a test", {"XDG_STATE_HOME": str(tmp_path)})

    def bring(world: World) -> dict[str, str]:
        client = cast("Session", Talk(world, observer))
        work = Installation(client, NEW, NAMES, audit, lambda _: None)

        def open_session(host: Host) -> Session:
            if world.moods.get(host.name) == "off":
                raise Unreachable(f"{host.name}: no answer")
            return cast("Session", Talk(world, host))

        return {one.balancer: one.trouble for one in work.bring(BALANCERS, open_session)}

    return bring


def _old_everywhere(**moods: str) -> World:
    return World({host.name: OLD for host in BALANCERS}, moods)


def test_all_get_them_and_a_second_time_nothing_is_touched(bring: Any) -> None:
    world = _old_everywhere()
    assert bring(world) == {"lb1": "", "lb2": "", "lb3": ""}
    assert world.said == [f"lb{number} install_certificates" for number in (1, 2, 3)]
    bring(world)
    assert len(world.said) == 3


def test_red_puts_the_old_ones_back_and_none_of_the_others_is_touched(bring: Any) -> None:
    world = _old_everywhere(lb1="deaf")
    ended = bring(world)
    assert "The old ones were put back." in ended["lb1"]
    assert (ended["lb2"], ended["lb3"]) == ("was not touched", "was not touched")
    assert world.said == ["lb1 install_certificates", "lb1 restore_certificates"]


@pytest.mark.parametrize(
    ("mood", "said"),
    [("refuses", "The old ones stay."), ("breaks off", "Look with fab certs.status")],
)
def test_who_refuses_or_breaks_off_is_the_end_too(bring: Any, mood: str, said: str) -> None:
    world = _old_everywhere(lb2=mood)
    ended = bring(world)
    assert ended["lb1"] == ""
    assert said in ended["lb2"]
    assert ended["lb3"] == "was not touched"
    assert world.shows["lb3"] == OLD


@pytest.mark.parametrize("mood", ["off", "silent"])
def test_who_serves_nobody_is_left_out_and_holds_up_no_other(bring: Any, mood: str) -> None:
    world = _old_everywhere(lb1=mood)
    ended = bring(world)
    assert ended["lb1"]
    assert (ended["lb2"], ended["lb3"]) == ("", "")
    assert "lb1 install_certificates" not in world.said


def test_bad_pairs_are_refused_before_anything_is_touched() -> None:
    refuse_bad(NEW, NAMES, NOW)
    with pytest.raises(Refused, match="rsa is not there"):
        refuse_bad({Kind.ECDSA: NEW[Kind.ECDSA]}, NAMES, NOW)
    with pytest.raises(Refused, match="has expired on"):
        refuse_bad(NEW, NAMES, NOW + timedelta(days=91))
