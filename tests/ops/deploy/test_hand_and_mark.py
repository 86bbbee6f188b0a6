"""An operator's hand comes after a deploy that was cut off, with hosts that answer as told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from haproxy.stats import Admin
from ops.audit import Audit
from ops.console import Console
from ops.deploy import by_hand
from ops.deploy.desk import Desk
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import Unreachable
from ops.reading import Sessions
from provisioning.fleet import Host
from tests.ops.deploy.test_plan import FLEET, SEEN

APP1 = FLEET.host("app1")


@dataclass
class Hosts:
    """All sessions at once; only app1 has a mark, and may be dead."""

    mark: dict[str, str] = field(default_factory=dict)
    is_dead: bool = False

    def of(self, _: Host) -> "Hosts":
        return self

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        if self.is_dead:
            raise Unreachable("app1: no answer.")
        if what == "set_mark":
            self.mark = values["mark"]
        return {}


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    hosts = Hosts({"afterwards": "ready"})
    monkeypatch.setattr(by_hand, "seen_by_balancers", lambda _: SEEN)
    monkeypatch.setattr(by_hand, "tell", lambda *_: None)
    monkeypatch.setattr(by_hand, "wait_until_empty", lambda *_: "")
    monkeypatch.setattr(by_hand, "standing_of", lambda session: session.ask("standing") or session)
    return hosts


@pytest.mark.parametrize("state", [Admin.DRAIN, Admin.MAINTENANCE])
@pytest.mark.parametrize("is_dead", [False, True])
def test_the_mark_of_a_cut_off_deploy_does_not_outlive_a_hands_word(
    hosts: Hosts, tmp_path: Path, state: Admin, is_dead: bool
) -> None:
    hosts.is_dead = is_dead
    audit = Audit("f", "a test", {"XDG_STATE_HOME": str(tmp_path)})
    telling = Telling(Console({}), 4)
    desk = Desk(FLEET, cast("Sessions", hosts), audit, telling, Stopping())
    by_hand.take_out(desk, APP1, state)
    assert bool(hosts.mark) == is_dead
