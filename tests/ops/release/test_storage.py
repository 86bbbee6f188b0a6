"""What is kept of built releases on the operator's machine."""

import os
from pathlib import Path

import pytest

from ops.release.archives import Archive, pack
from ops.release.storage import MOST_KEPT, Storage


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage({"STILLHERE_RELEASES": str(tmp_path / "releases")})


def put(storage: Storage, kind: str, number: int) -> Archive:
    """Take in an archive that was used so many seconds after 1970."""
    with storage.workplace(lambda _: None) as place:
        (place / "folder").mkdir()
        (place / "folder" / "file").write_text(str(number))
        archive = pack(place / "folder", kind, f"{number:012x}", place / "a.tar.gz", 0)
        kept = storage.put(archive)
    os.utime(kept.path.with_suffix("").with_suffix(".json"), (number, number))
    return kept


def names(storage: Storage, kind: str) -> list[int]:
    found = sorted((storage.root / kind).glob("*.tar.gz"))
    assert [one.name for one in found] == [
        one.name.replace(".json", ".tar.gz") for one in sorted((storage.root / kind).glob("*.json"))
    ]
    return [int(one.name.split(".")[0], 16) for one in found]


@pytest.mark.parametrize("kind", MOST_KEPT)
def test_what_was_not_used_for_longest_goes(storage: Storage, kind: str) -> None:
    most = MOST_KEPT[kind]
    for number in range(1, most + 3):
        put(storage, kind, number)
    first = storage.find(kind, f"{1:012x}")  # used again, just now
    assert first is not None
    with storage.workplace(lambda _: None):
        storage.prune()
    assert names(storage, kind) == [1, *range(4, most + 3)]
    assert storage.find(kind, f"{1:012x}") == first
    assert storage.find(kind, f"{2:012x}") is None


def test_what_a_killed_build_has_left_goes(storage: Storage) -> None:
    whole, half = put(storage, "code", 1), put(storage, "code", 2)
    half.path.with_suffix("").with_suffix(".json").unlink()
    (storage.root / "building-killed").mkdir()
    with storage.workplace(lambda _: None):
        storage.prune()
    assert storage.find("code", whole.id) == whole
    assert names(storage, "code") == [1]
    assert list(storage.root.glob("building-*")) == []
