"""Fetching from a real store, which is killed meanwhile. The rules: test_fetch.py."""

import io
import secrets
import tempfile
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backups import fetch, packets, unlock
from backups.parcel import Sealed, unlocked
from tests.backups.keyrings import made_key, sealed, sha256
from tests.s3 import KEEPER, OPERATOR, Server

SIZE = 24 * 2**20
KEY = "dumps/x/dump.gpg"


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server(Path(tempfile.mkdtemp(prefix="stillhere-s3-")))
    try:
        one.start()
        yield one
    finally:
        one.close()


@pytest.mark.long
def test_a_store_that_is_killed_and_comes_back_ends_no_restore(server: Server) -> None:
    plain = secrets.token_bytes(SIZE)
    bucket = server.new_bucket()
    with made_key("ada") as key:
        data = sealed(plain, key, options=("--compress-algo", "none"))
        operator = bucket.store(OPERATOR)
        operator.client.put_object(Bucket=bucket.name, Key=KEY, Body=data)
        head = packets.head(data)
        url = bucket.store(KEEPER).link(KEY, timedelta(hours=1))
        one = Sealed(KEY, url, len(data), sha256(data), head)
        opened = unlocked(one, unlock.session_key(head, key.keyring))
    again = threading.Thread(target=server.start)

    def kill_it_early(size: int) -> None:
        if size > SIZE // 8 and again.ident is None:
            server.stop()
            again.start()

    sink = io.BytesIO()
    found = fetch.unseal(opened, sink, authority=None, told=kill_it_early)
    assert again.ident is not None
    again.join()
    assert found.sha256 == sha256(plain)
    assert sink.getvalue() == plain
