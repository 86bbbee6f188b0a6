import dataclasses
from collections.abc import Iterator

import pytest

from backups import packets, unlock
from backups.errors import UnlockError
from backups.parcel import Parcel, Sealed
from backups.unlock import Keyring
from tests.backups.keyrings import Key, made_key, sealed, sha256

PLAIN = bytes(range(256)) * 400


@pytest.fixture(scope="module")
def ada() -> Iterator[Key]:
    with made_key("ada") as key:
        yield key


@pytest.fixture(scope="module")
def drill() -> Iterator[Key]:
    with made_key("drill", passphrase="correct horse") as key:
        yield key


def _object(data: bytes) -> Sealed:
    return Sealed("k", "http://nowhere", len(data), sha256(data), packets.head(data))


@pytest.mark.parametrize("options", [("--compress-algo", "none"), ()])
def test_each_recipient_finds_the_same_session_key_in_the_head(
    ada: Key, drill: Key, options: tuple[str, ...]
) -> None:
    head = packets.head(sealed(PLAIN, ada, drill, options=options))
    assert len(head) < 400
    first = unlock.session_key(head, ada.keyring)
    assert unlock.session_key(head, drill.keyring) == first
    assert first.startswith("9:")


def test_a_parcel_is_unlocked_object_by_object(ada: Key) -> None:
    objects = [_object(sealed(PLAIN + bytes([n]), ada)) for n in range(3)]
    heard: list[int] = []
    parcel = Parcel({"id": "x"}, objects[0], tuple(objects[1:]))
    opened = unlock.unlock(parcel, ada.keyring, heard.append)
    assert not opened.is_locked
    assert len({one.session_key for one in (opened.object, *opened.wal)}) == 3
    assert dataclasses.replace(opened.object, session_key=None) == objects[0]
    assert heard == [1, 2, 3]


def test_a_wrong_passphrase_is_told_as_that(drill: Key) -> None:
    wrong = drill.home / "wrong"
    wrong.write_text("incorrect")
    one = Parcel({}, _object(sealed(PLAIN, drill)))
    assert not unlock.unlock(one, drill.keyring, lambda _: None).is_locked
    with pytest.raises(UnlockError, match="refuses its passphrase"):
        unlock.unlock(one, Keyring(drill.home, wrong), lambda _: None)


def test_a_missing_key_is_told_with_the_id_that_it_takes(ada: Key, drill: Key) -> None:
    data = sealed(PLAIN, drill)
    with pytest.raises(UnlockError, match=packets.recipients(data)[0]):
        unlock.session_key(packets.head(data), ada.keyring)
