"""How a timer's unit tells its check how it has ended."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from provisioning.programs import reporting

WELL = {"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0"}
KILLED = {"SERVICE_RESULT": "signal", "EXIT_CODE": "killed", "EXIT_STATUS": "KILL"}


@contextmanager
def service(*statuses: int) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Give the address of a service, and what it has got: path and body of each ping."""
    seen: list[tuple[str, str]] = []
    left = [*statuses]

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            seen.append((self.path, body))
            self.send_response(left.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Service) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.mark.parametrize(("ended", "path"), [(WELL, "/k/c"), (KILLED, "/k/c/fail")])
def test_a_check_is_told_how_its_unit_ended(ended: dict[str, str], path: str) -> None:
    with service(200) as (address, seen):
        assert reporting.report(f"{address}/k/c", ended) == ""
    ((asked, said),) = seen
    assert asked == f"{path}?create=1"
    assert said == "".join(f"{name}={value}\n" for name, value in ended.items())


def test_what_nobody_vouches_for_is_a_failure() -> None:
    with service(200) as (address, seen):
        reporting.report(f"{address}/k/c", {})
    assert [path for path, _ in seen] == ["/k/c/fail?create=1"]


def test_a_service_that_is_busy_is_asked_again() -> None:
    with service(503, 200) as (address, seen):
        assert reporting.report(f"{address}/k/c", WELL) == ""
    assert len(seen) == 2


def set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pings: str) -> None:
    path = tmp_path / "timers.json"
    path.write_text(json.dumps({"pings": pings, "host": "db1"}), "utf-8")
    monkeypatch.setattr(reporting, "SETTINGS", str(path))


def test_each_host_has_a_check_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with service(200) as (address, seen):
        set_up(tmp_path, monkeypatch, f"{address}/ping/key")
        assert reporting.main("backup-wal") == 0
    assert seen[0][0] == "/ping/key/backup-wal-db1/fail?create=1"


def test_without_a_key_nobody_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up(tmp_path, monkeypatch, "")
    assert reporting.main("backup") == 0


def test_a_check_that_cannot_be_told_is_named_without_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up(tmp_path, monkeypatch, "http://127.0.0.1:1/ping/the-key")
    assert reporting.main("backup") == 1
    with service(*[404] * reporting.TRIES) as (address, _):
        set_up(tmp_path, monkeypatch, f"{address}/ping/the-key")
        assert reporting.main("backup") == 1
    said = capsys.readouterr().err
    assert said.count("The check of backup could not be told: ") == 2
    assert "the-key" not in said
