"""An operator follows the program on a host, over a line that may break."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from ops.audit import Audit
from ops.backups.running import Job, answered, ran
from ops.console import Console
from ops.deploy.desk import Desk
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import ChangeFailed, Refused, Stopped, Unreachable
from ops.inventory import read_fleet
from ops.reading import Sessions
from provisioning.fleet import Host
from tests.ops.inventories import inventory

KEY = "9:5E551011"
RUN = Job(("run", "--json"), "postgres", given=KEY)
END = {"said": "", "offset": 0, "status": 0, "out": '{"id": "b1"}', "state": "ended"}


@dataclass
class OneHost:
    """A host's agent that gives these answers, one after the other; an error is raised."""

    answers: list[dict[str, Any] | Exception]
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def of(self, _host: Host) -> "OneHost":
        return self

    def ask(self, what: str, **values: Any) -> dict[str, Any]:
        self.asked.append((what, values))
        if what == "stop_backups":
            return {}
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class AtOnce(Stopping):
    """Ctrl-C came before anything was asked."""

    def check(self) -> None:
        if not self._is_ignored:
            raise Stopped("Stopped by Ctrl-C.")

    def pause(self, _seconds: float = 0.0) -> None:
        self.check()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory(), "utf-8")
    monkeypatch.setattr("ops.backups.running.PAUSE_SECONDS", 0.0)
    audit = Audit("berlin", "a test", {"XDG_STATE_HOME": str(tmp_path)})
    telling = Telling(Console(), 4)
    return Desk(read_fleet(path), Sessions(read_fleet(path), None), audit, telling, Stopping())


def run(desk: Desk, one: OneHost, job: Job = RUN, stopping: Stopping | None = None) -> Any:
    sessions = cast("Sessions", one)
    at = Desk(desk.fleet, sessions, desk.audit, desk.telling, stopping or Stopping())
    return ran(at, desk.fleet.host("db2"), job)


def said(text: str, offset: int, **changed: Any) -> dict[str, Any]:
    return {"said": text, "offset": offset, "status": 0, "out": "", "state": "running"} | changed


def test_its_result_is_what_it_has_printed(desk: Desk) -> None:
    one = OneHost([{"is_new": True}, said("dumping\n", 8), said("uplo", 12), END])
    assert run(desk, one) == {"id": "b1"}
    assert [values.get("offset") for _, values in one.asked] == [None, 0, 8, 12]


def test_a_progress_line_is_shown_as_a_terminal_would_and_is_none_of_the_last_words(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = list[str]()
    monkeypatch.setattr(Telling, "progress", lambda _self, text: shown.append(text))
    drawn = "\rdump  1 MiB\x1b[K\rdump  2 MiB\x1b[K"
    red = END | {"status": 1}
    with pytest.raises(ChangeFailed) as failed:
        run(desk, OneHost([{"is_new": True}, said(drawn, 30), said("\nS3 is away.\n", 43), red]))
    assert [text.strip() for text in shown] == [
        "db2  dump  2 MiB",
        "db2  S3 is away.",
        "db2  S3 is away.",
        "",
    ]
    assert str(failed.value).endswith("fails with 1:\ndump  2 MiB\nS3 is away.")


def test_a_line_that_breaks_is_no_end(desk: Desk) -> None:
    one = OneHost(
        [{"is_new": True}, said("a\n", 2), Unreachable("db2: broke"), said("b\n", 4), END]
    )
    assert run(desk, one) == {"id": "b1"}
    assert [values["offset"] for what, values in one.asked if what == "follow_backups"] == [
        0, 2, 2, 4
    ]  # fmt: skip


def test_a_failure_has_its_last_words_and_no_key(desk: Desk, tmp_path: Path) -> None:
    last = END | {"state": "ended", "status": 1, "out": ""}
    one = OneHost([{"is_new": True}, said("uploading\nS3 refuses: 403", 24), last])
    with pytest.raises(
        ChangeFailed, match="backups run fails with 1:\nuploading\nS3 refuses"
    ) as red:
        run(desk, one)
    kept = (tmp_path / "stillhere" / "audit.jsonl").read_text("utf-8")
    assert "backups run" in kept
    assert KEY not in f"{red.value}{kept}{RUN!r}"


def test_what_was_ended_there_is_told(desk: Desk) -> None:
    with pytest.raises(ChangeFailed, match="ended there by somebody"):
        run(desk, OneHost([{"is_new": True}, END | {"state": "none"}]))
    with pytest.raises(ChangeFailed, match="was ended"):
        run(desk, OneHost([{"is_new": True}, END | {"status": -1}]))


def test_one_at_work_is_followed_or_waited_for(desk: Desk) -> None:
    joining = Job(("verify", "--json"), "stillhere-drill", may_join=True)
    assert run(desk, OneHost([{"is_new": False}, END]), joining) == {"id": "b1"}
    with pytest.raises(Refused, match="goes on by itself"):
        run(desk, OneHost([{"is_new": False}, END]))


def test_ctrl_c_ends_it_there_too(desk: Desk) -> None:
    one = OneHost([{"is_new": True}, said("dumping\n", 8)])
    with pytest.raises(Stopped):
        run(desk, one, stopping=AtOnce())
    assert one.asked[-1][0] == "stop_backups"


def test_what_is_short_is_waited_for(desk: Desk) -> None:
    one = OneHost([
        {"status": 0, "out": "parcel", "said": ""}, {"status": 1, "out": "", "said": "no base"}
    ])  # fmt: skip
    at = Desk(desk.fleet, cast("Sessions", one), desk.audit, desk.telling, Stopping())
    host = desk.fleet.host("obs1")
    assert answered(at, host, "stillhere-drill", ["open"]) == "parcel"
    with pytest.raises(ChangeFailed, match="backups open fails with 1:\nno base"):
        answered(at, host, "stillhere-drill", ["open"])
