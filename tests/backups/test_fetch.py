import contextlib
import io
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from backups import fetch, packets, unlock
from backups.errors import DamagedBackup, NotStored, StoreError, StoreRefused, StoreSilent
from backups.parcel import Sealed, unlocked
from tests.backups.keyrings import Key, made_key, sealed, sha256

PLAIN = bytes(range(256)) * 4000


@dataclass
class Store:
    """An HTTP server with one object: how it misbehaves is in its fields."""

    data: bytes
    knows_range: bool = True
    cut_after: list[int] = field(default_factory=list)  # bytes of the next answers, then whole
    statuses: list[int] = field(default_factory=list)  # of the next answers, then 200
    asked: list[str] = field(default_factory=list)
    url: str = ""


def _handler(store: Store) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            span = self.headers.get("Range", "")
            store.asked.append(span)
            if store.statuses:
                self.send_error(store.statuses.pop(0))
                return
            start = int(re.findall(r"\d+", span)[0]) if span and store.knows_range else 0
            data = store.data[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: store.cut_after.pop(0)] if store.cut_after else data)

        def log_message(self, *arguments: object) -> None:
            pass

    return Handler


@contextlib.contextmanager
def _serving(data: bytes) -> Iterator[Store]:
    store = Store(data)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(store))
    store.url = f"http://127.0.0.1:{server.server_port}/object"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def ada() -> Iterator[Key]:
    with made_key("ada") as key:
        yield key


@pytest.fixture(scope="module")
def cipher(ada: Key) -> bytes:
    return sealed(PLAIN, ada, options=("--compress-algo", "none"))


@pytest.fixture
def store(cipher: bytes) -> Iterator[Store]:
    with _serving(cipher) as serving:
        yield serving


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def _object(store: Store, cipher: bytes, ada: Key) -> Sealed:
    head = packets.head(cipher)
    plain = Sealed("dumps/x/dump.gpg", store.url, len(cipher), sha256(cipher), head)
    return unlocked(plain, unlock.session_key(head, ada.keyring))


def _unseal(one: Sealed) -> tuple[bytes, fetch.Plain]:
    sink = io.BytesIO()
    found = fetch.unseal(one, sink, authority=None, told=lambda _: None)
    return sink.getvalue(), found


def test_what_was_sealed_comes_out_with_its_size_and_digest(
    store: Store, cipher: bytes, ada: Key
) -> None:
    heard: list[int] = []
    sink = io.BytesIO()
    one = _object(store, cipher, ada)
    found = fetch.unseal(one, sink, authority=None, told=heard.append)
    assert sink.getvalue() == PLAIN
    assert found == fetch.Plain(len(PLAIN), sha256(PLAIN))
    assert heard == sorted(heard)
    assert heard[-1] == len(cipher)


@pytest.mark.parametrize("knows_range", [True, False])
def test_a_broken_connection_is_taken_up_where_it_broke(
    store: Store, cipher: bytes, ada: Key, knows_range: bool
) -> None:
    store.knows_range, store.cut_after = knows_range, [300_000, 500_000]
    store.statuses = [503]
    data, _ = _unseal(_object(store, cipher, ada))
    assert data == PLAIN
    assert len(store.asked) == 4
    assert store.asked[2].startswith("bytes=300000")


def test_a_store_that_stays_away_is_given_up(store: Store, cipher: bytes, ada: Key) -> None:
    store.statuses = [503] * 20
    with pytest.raises(StoreSilent, match="503"):
        _unseal(_object(store, cipher, ada))


@pytest.mark.parametrize(("status", "error"), [(404, NotStored), (403, StoreRefused)])
def test_a_refusal_is_not_tried_again(
    store: Store, cipher: bytes, ada: Key, status: int, error: type[StoreError]
) -> None:
    store.statuses = [status] * 2
    with pytest.raises(error, match=r"dumps/x/dump\.gpg"):
        _unseal(_object(store, cipher, ada))
    assert len(store.asked) == 1


@pytest.mark.parametrize("at", [0.001, 0.5, 0.999])
def test_a_flipped_bit_is_found(store: Store, cipher: bytes, ada: Key, at: float) -> None:
    place = int(len(cipher) * at)
    store.data = cipher[:place] + bytes([cipher[place] ^ 1]) + cipher[place + 1 :]
    with pytest.raises(DamagedBackup, match="SHA-256"):
        _unseal(_object(store, cipher, ada))


@pytest.mark.parametrize("left", [0, 100, 500_000])
def test_a_truncated_object_is_found(store: Store, cipher: bytes, ada: Key, left: int) -> None:
    store.data = cipher[:left]
    with pytest.raises(DamagedBackup, match=f"has {left} bytes"):
        _unseal(_object(store, cipher, ada))


@pytest.mark.parametrize("change", ["cut", "flipped"])
def test_what_was_bad_before_it_was_stored_is_found_by_gpg(
    store: Store, cipher: bytes, ada: Key, change: str
) -> None:
    """The digest is that of the bad file; only gpg's own integrity check can tell."""
    middle = len(cipher) // 2
    flipped = cipher[:middle] + bytes([cipher[middle] ^ 1]) + cipher[middle + 1 :]
    store.data = cipher[:middle] if change == "cut" else flipped
    with pytest.raises(DamagedBackup, match="does not decrypt"):
        _unseal(_object(store, store.data, ada))


def test_the_session_key_of_another_object_opens_nothing(
    store: Store, cipher: bytes, ada: Key
) -> None:
    one = _object(store, cipher, ada)
    other = unlock.session_key(packets.head(sealed(b"other", ada)), ada.keyring)
    with pytest.raises(DamagedBackup, match="does not decrypt"):
        _unseal(unlocked(one, other))


def test_a_full_disk_ends_the_download(store: Store, cipher: bytes, ada: Key) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(OSError, match="space"):
        fetch.unseal(_object(store, cipher, ada), full, authority=None, told=lambda _: None)
