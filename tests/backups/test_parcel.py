import json
from typing import Any

import pytest

from backups import parcel
from backups.parcel import Parcel, Sealed
from tests.backups.test_packets import DATA, _pkesk

HEAD = _pkesk("new, one byte") + DATA[:64]
OBJECT = Sealed("dumps/x/dump.gpg", "https://s3.example/x", 10, "ab" * 32, HEAD)
WAL = Sealed("wal/1/2.gpg", "http://s3/w", 3, "cd" * 32, HEAD, "9:0AFF", "000000010000000000000002")
PARCEL = Parcel({"id": "x", "format": 1}, OBJECT, (WAL,))


def test_a_parcel_comes_back_as_it_was() -> None:
    assert parcel.parse(PARCEL.to_json()) == PARCEL


def test_the_shape_is_the_one_that_other_programs_know() -> None:
    said = json.loads(PARCEL.to_json())
    assert set(said) == {"manifest", "object", "wal"}
    assert set(said["object"]) == {"key", "url", "bytes", "sha256", "head", "session_key"}
    assert set(said["wal"][0]) == {*said["object"], "name"}
    assert said["object"]["session_key"] is None


def test_a_parcel_is_locked_while_one_object_is() -> None:
    opened = parcel.unlocked(OBJECT, "9:00AA")
    assert PARCEL.is_locked
    assert not Parcel({}, opened, (WAL,)).is_locked


def test_what_opens_a_backup_is_in_no_repr() -> None:
    assert "0AFF" not in repr(PARCEL)
    assert "s3.example" not in repr(PARCEL)


@pytest.mark.parametrize("key", ["", "9:", "9:xyz", ":AA", "AA", "9:AA\n--decrypt"])
def test_what_is_no_session_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="session key"):
        parcel.unlocked(OBJECT, key)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"bytes": -1}, "no size"),
        ({"bytes": "10"}, "no size"),
        ({"sha256": "AB" * 32}, "no digest"),
        ({"head": "!"}, "no base64"),
        ({"head": ""}, "ends before"),
        ({"url": "file:///etc/shadow"}, "no address"),
        ({"session_key": "9"}, "session key"),
    ],
)
def test_a_parcel_with_a_wrong_part_is_refused(change: dict[str, Any], why: str) -> None:
    said = json.loads(PARCEL.to_json())
    said["object"] |= change
    with pytest.raises(ValueError, match=why):
        parcel.parse(json.dumps(said))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"manifest": 1, "object": {}, "wal": []}'])
def test_what_is_no_parcel_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parcel.parse(text)
