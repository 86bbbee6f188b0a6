"""Backups that are no good: each is another one, and a drill that takes any of them is told."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ops.errors import LabError
from ops.lab.drill import tamper
from ops.lab.drill.product import Product
from ops.lab.drill.tampering import WAYS, Tampering
from ops.lab.plan import Lab

CONTENT = bytes(range(256)) * 4


@dataclass(frozen=True, slots=True)
class Believing(Tampering):
    """An observer whose drill is green for these, and red for all others."""

    green: frozenset[str] = field(default_factory=frozenset)

    def verdict(self, how: str) -> dict[str, Any]:
        return {"verified": how in self.green, "trouble": "" if how in self.green else "no"}


def believing(*green: str) -> Believing:
    return Believing(Product(Lab("p", Path("/nowhere"))), "good", green=frozenset(green))


def test_a_drill_that_refuses_all_but_the_true_copy_has_rejected_each() -> None:
    assert believing("copied").rejected() == dict.fromkeys(WAYS, True)


@pytest.mark.parametrize("way", WAYS)
def test_a_drill_that_takes_one_is_told_which(way: str) -> None:
    rejected = believing("copied", way).rejected()
    assert rejected == {each: each != way for each in WAYS}


def test_a_manifest_that_is_newer_than_its_dump_is_an_old_backup() -> None:
    assert believing("copied", "stale").rejected()["old"] is False


def test_a_drill_that_refuses_everything_proves_nothing() -> None:
    with pytest.raises(LabError, match="true copy of good is refused: no"):
        believing().rejected()


def test_one_bit_is_turned_over_and_half_is_cut_off() -> None:
    flipped = tamper.bitflip(CONTENT, {}, {})
    assert len(flipped) == len(CONTENT)
    changed = [a ^ b for a, b in zip(flipped, CONTENT, strict=True) if a != b]
    assert [one.bit_count() for one in changed] == [1]
    assert CONTENT.startswith(tamper.truncated(CONTENT, {}, {}))
    assert len(tamper.truncated(CONTENT, {}, {})) == len(CONTENT) // 2


class Bucket:
    """What is asked of a bucket here, in memory."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def put_object(self, Key: str, Body: bytes) -> None:  # noqa: N803 (boto3's)
        self.objects[Key] = Body

    def Object(self, key: str) -> Any:  # noqa: N802 (boto3's)
        content = self.objects[key]
        read = type("Body", (), {"read": lambda _: content})
        return type("Object", (), {"get": lambda _: {"Body": read()}})()


def test_an_old_copy_is_days_older_and_whole() -> None:
    time = "2026-11-22T01:30:00+00:00"
    manifest = {"id": "good", "started_at": time, "finished_at": time, "newest_ping_at": None}
    bucket = Bucket({
        "fleet/dumps/good/manifest.json": json.dumps(manifest).encode(),
        "fleet/dumps/good/dump.gpg": CONTENT,
    })  # fmt: skip
    tamper.put(bucket, {"how": "old", "id": "good", "new_id": "copy", "prefix": "fleet/"})
    made = json.loads(bucket.objects["fleet/dumps/copy/manifest.json"])
    assert bucket.objects["fleet/dumps/copy/dump.gpg"] == CONTENT
    assert (made["id"], made["object"]["key"]) == ("copy", "dumps/copy/dump.gpg")
    assert made["object"]["bytes"] == len(CONTENT)
    assert made["started_at"] == made["finished_at"] == "2026-11-19T01:30:00+00:00"
    assert made["newest_ping_at"] is None
