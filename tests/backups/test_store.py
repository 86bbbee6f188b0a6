"""The bucket, as each identity sees it, on a real SeaweedFS."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.request import urlopen

import pytest

from backups.errors import AlreadyStored, NotStored, SettingsError, StoreRefused, StoreSilent
from backups.multipart import Upload
from backups.settings import StoreSettings
from backups.store import Store
from tests.ports import free_port
from tests.s3 import KEEPER, OPERATOR, WRITER, running_server


def test_the_writer_can_write_and_nothing_else() -> None:
    writer = running_server().new_bucket().store(WRITER)
    writer.put("dumps/a", b"1")
    for forbidden in (
        lambda: writer.read("dumps/a"),
        lambda: list(writer.listed("")),
        lambda: list(writer.unfinished()),
        lambda: writer.delete("dumps/a"),
        lambda: writer.tag("dumps/a", "verified", "now"),
    ):
        with pytest.raises(StoreRefused):
            forbidden()


def test_the_keeper_reads_tags_and_deletes_and_writes_no_backup() -> None:
    bucket = running_server().new_bucket()
    bucket.store(WRITER).put("dumps/a", b"1")
    keeper = bucket.store(KEEPER)
    keeper.tag("dumps/a", "verified", "now")
    keeper.put("verified/dumps/a.json", b"{}")
    keeper.put("verified/dumps/a.json", b"{1}", is_new=False)
    with pytest.raises(StoreRefused):
        keeper.put("dumps/b", b"1")
    assert keeper.read("verified/dumps/a.json") == b"{1}"
    keeper.delete("dumps/a")
    assert [one.key for one in keeper.listed("dumps/")] == []


def test_a_lock_holds_every_version_against_the_keeper() -> None:
    bucket = running_server().new_bucket()
    bucket.lock(days=1)
    bucket.store(WRITER).put("dumps/a", b"1")
    keeper = bucket.store(KEEPER)
    (version,) = keeper.versions("dumps/")
    with pytest.raises(StoreRefused):
        keeper.delete("dumps/a", version.version)
    keeper.delete("dumps/a")  # hides it; the version stays
    assert [one.is_marker for one in keeper.versions("dumps/")] == [False, True]


def test_what_is_there_is_not_replaced() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store.put("dumps/a", b"1")
    with pytest.raises(AlreadyStored):
        store.put("dumps/a", b"2")
    assert store.read("dumps/a") == b"1"


def test_what_is_not_there_is_said_so() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    with pytest.raises(NotStored):
        store.read("dumps/a")


def test_keys_are_below_the_prefix() -> None:
    bucket = running_server().new_bucket()
    bucket.store(OPERATOR, prefix="one/").put("dumps/a", b"1")
    assert [one.key for one in bucket.store(OPERATOR).listed("")] == ["one/dumps/a"]
    assert [one.key for one in bucket.store(OPERATOR, prefix="one/").listed("")] == ["dumps/a"]
    assert [one.key for one in bucket.store(OPERATOR, prefix="two/").listed("")] == []


def test_a_link_fetches_without_credentials() -> None:
    store = running_server().new_bucket().store(OPERATOR)
    store.put("dumps/a", b"0123456789")
    with urlopen(store.link("dumps/a", timedelta(hours=1)), timeout=10) as answer:  # noqa: S310
        assert answer.read() == b"0123456789"
    assert store.head("dumps/a", 4) == b"0123"


def test_nobody_there_is_said_within_the_attempts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backups.store.ATTEMPTS", 2)
    there = running_server().new_bucket().settings(WRITER)
    away = StoreSettings(f"http://127.0.0.1:{free_port()}", "bucket", there.credentials)
    with pytest.raises(StoreSilent, match="no answer for dumps/a"):
        Store(away).put("dumps/a", b"1")


def test_credentials_that_others_may_read_are_refused() -> None:
    settings = running_server().new_bucket().settings(WRITER)
    settings.credentials.chmod(0o640)
    with pytest.raises(SettingsError, match="can be read by others"):
        Store(settings)
    settings.credentials.chmod(0o600)


def test_lock_days_hold_what_is_stored_against_everybody() -> None:
    bucket = running_server().new_bucket()
    operator = bucket.store(OPERATOR, lock_days=1)
    operator.put("dumps/a", b"1")
    upload = Upload(operator, "dumps/b")
    upload.write(b"2")
    upload.flush()
    upload.complete()
    for version in operator.versions("dumps/"):
        with pytest.raises(StoreRefused):
            operator.delete(version.key, version.version)
    assert operator.read("dumps/b") == b"2"


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[tuple[Store, list[tuple[int, str]]]]:
    """Give a store that answers uploads as it is told: what only Amazon says of conditions."""
    said = list[tuple[int, str]]()

    class Answers(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            status, code = said.pop(0)
            body = f"<Error><Code>{code}</Code></Error>".encode() if code else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    credentials = tmp_path / "credentials.toml"
    credentials.write_text('access_key_id = "a"\nsecret_access_key = "b"\n')
    credentials.chmod(0o600)
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        endpoint = f"http://127.0.0.1:{server.server_port}"
        yield Store(StoreSettings(endpoint, "bucket", credentials)), said
        server.shutdown()
        thread.join()


def test_two_hosts_that_store_the_same_file_at_once_are_no_failure(
    answering: tuple[Store, list[tuple[int, str]]],
) -> None:
    store, said = answering
    said += [(409, "ConditionalRequestConflict"), (412, "PreconditionFailed")]
    with pytest.raises(AlreadyStored):
        store.put("wal/a", b"1")
    said += [(409, "ConditionalRequestConflict"), (200, "")]
    store.put("wal/b", b"1")
    assert said == []
