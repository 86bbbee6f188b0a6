"""The policies of docs/backups: what they say, and what they do on a real SeaweedFS."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from backups.errors import StoreRefused
from backups.store import Store
from tests.s3 import KEEPER, OPERATOR, WRITER, Bucket, policy, running_server

DANGEROUS = {
    "s3:BypassGovernanceRetention", "s3:PutObjectRetention", "s3:PutObjectLegalHold",
    "s3:PutBucketObjectLockConfiguration", "s3:PutBucketVersioning", "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy", "s3:PutLifecycleConfiguration", "s3:DeleteBucket",
}  # fmt: skip


def statements(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(policy(name, "b", "p/"))["Statement"]
    return found


def listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def actions(name: str, effect: str, who: str = "") -> dict[str, set[str]]:
    """Return what is allowed or denied (to a principal), by action: on which resources."""
    found = dict[str, set[str]]()
    for one in statements(name):
        if one["Effect"] == effect and str(one.get("Principal", {}).get("AWS", "")).endswith(who):
            for action in listed(one["Action"]):
                found.setdefault(action, set()).update(listed(one["Resource"]))
    return found


@pytest.mark.parametrize("name", ["aws-writer", "aws-keeper", "hetzner-bucket"])
def test_a_policy_names_its_actions_and_stays_in_its_bucket(name: str) -> None:
    for one in statements(name):
        assert {"Sid", "Effect", "Action", "Resource"} <= set(one)
        assert not any("*" in action for action in listed(one["Action"]))
        for resource in listed(one["Resource"]):
            assert resource.startswith("arn:aws:s3:::b")
            assert resource.removeprefix("arn:aws:s3:::b")[:1] in {"", "/"}


def test_amazons_writer_may_put_and_give_up_below_three_folders() -> None:
    folders = {f"arn:aws:s3:::b/p/{folder}/*" for folder in ("dumps", "bases", "wal")}
    assert actions("aws-writer", "Allow") == {
        "s3:PutObject": folders,
        "s3:AbortMultipartUpload": folders,
    }


def test_amazons_writer_is_denied_every_object_that_may_be_there_already() -> None:
    (deny,) = [one for one in statements("aws-writer") if one["Effect"] == "Deny"]
    assert (deny["Action"], deny["Resource"]) == ("s3:PutObject", "arn:aws:s3:::b/*")
    # Parts of an upload carry no If-None-Match, and create no object.
    assert deny["Condition"] == {
        "Null": {"s3:if-none-match": "true"},
        "Bool": {"s3:ObjectCreationOperation": "true"},
    }


def test_amazons_keeper_writes_records_alone() -> None:
    allowed = actions("aws-keeper", "Allow")
    assert allowed["s3:PutObject"] == {"arn:aws:s3:::b/p/verified/*"}
    assert not DANGEROUS & set(allowed)


def test_hetzners_bucket_denies_what_amazons_users_are_not_allowed() -> None:
    """A key of Hetzner's may do everything in all buckets of its project, unless denied."""
    writer = actions("hetzner-bucket", "Deny", ":WRITER_KEY")
    keeper = actions("hetzner-bucket", "Deny", ":KEEPER_KEY")
    everywhere = {"arn:aws:s3:::b", "arn:aws:s3:::b/*"}
    read_and_delete = set(actions("aws-keeper", "Allow")) - set(actions("aws-writer", "Allow"))
    tags = {"s3:GetObjectTagging", "s3:PutObjectTagging"}
    for action in DANGEROUS | read_and_delete - tags:
        assert writer[action] >= everywhere, action
    assert writer["s3:PutObject"] == {"arn:aws:s3:::b/p/verified/*"}
    for action in DANGEROUS:
        assert keeper[action] >= everywhere, action
    assert keeper["s3:PutObject"] == actions("aws-writer", "Allow")["s3:PutObject"]


def _upload(store: Store, key: str) -> None:
    """Upload one object in parts, and begin one that is given up."""
    place = store.place(key)
    first, second = (store.client.create_multipart_upload(**place)["UploadId"] for _ in "12")
    part = store.client.upload_part(**place, UploadId=first, PartNumber=1, Body=b"1")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    store.client.complete_multipart_upload(
        **place, UploadId=first, MultipartUpload=parts, IfNoneMatch="*"
    )
    store.abort(key, second)


MAY: dict[str, tuple[str, Callable[[Store], object]]] = {
    "a dump": (WRITER, lambda one: one.put("dumps/new", b"1")),
    "wal": (WRITER, lambda one: one.put("wal/new", b"1")),
    "a base in parts": (WRITER, lambda one: _upload(one, "bases/new")),
    "list": (KEEPER, lambda one: list(one.listed(""))),
    "list versions": (KEEPER, lambda one: list(one.versions(""))),
    "list uploads": (KEEPER, lambda one: list(one.unfinished())),
    "read": (KEEPER, lambda one: one.read("dumps/a")),
    "tag": (KEEPER, lambda one: one.tag("dumps/a", "verified", "now")),
    "record": (KEEPER, lambda one: one.put("verified/dumps/b.json", b"{}", is_new=False)),
    "delete": (
        KEEPER,
        lambda one: one.delete("dumps/old", next(one.versions("dumps/old")).version),
    ),
}
MAY_NOT: dict[str, tuple[str, Callable[[Store], object]]] = {
    "read": (WRITER, lambda one: one.read("dumps/a")),
    "read the start": (WRITER, lambda one: one.head("dumps/a", 1)),
    "list": (WRITER, lambda one: list(one.listed(""))),
    "list versions": (WRITER, lambda one: list(one.versions(""))),
    "list uploads": (WRITER, lambda one: list(one.unfinished())),
    "hide": (WRITER, lambda one: one.delete("dumps/a")),
    "delete": (WRITER, lambda one: one.delete("dumps/a", "1")),
    "tag": (WRITER, lambda one: one.tag("dumps/a", "verified", "now")),
    "record": (WRITER, lambda one: one.put("verified/dumps/a.json", b"{}")),
    "elsewhere": (WRITER, lambda one: one.put("other/a", b"1")),
    "a dump": (KEEPER, lambda one: one.put("dumps/b", b"1")),
    "a base in parts": (KEEPER, lambda one: _upload(one, "bases/b")),
    "wal": (KEEPER, lambda one: one.put("wal/b", b"1")),
}


@pytest.fixture(scope="module")
def bucket() -> Bucket:
    bucket = running_server().new_bucket()
    for key in ("dumps/a", "dumps/old"):
        bucket.store(OPERATOR).put(key, b"1")
    return bucket


@pytest.mark.parametrize("what", MAY)
def test_an_identity_may_what_its_work_needs(bucket: Bucket, what: str) -> None:
    identity, do = MAY[what]
    do(bucket.store(identity))


@pytest.mark.parametrize(("identity", "what"), [(who, what) for what, (who, _) in MAY_NOT.items()])
def test_an_identity_may_nothing_else(bucket: Bucket, identity: str, what: str) -> None:
    with pytest.raises((StoreRefused, bucket.store(identity).client.exceptions.ClientError)) as no:
        MAY_NOT[what][1](bucket.store(identity))
    assert "AccessDenied" in str(no.value)


def test_the_keeper_does_not_get_round_a_lock() -> None:
    bucket = running_server().new_bucket()
    bucket.lock(days=1)
    bucket.store(OPERATOR).put("dumps/a", b"1")
    keeper = bucket.store(KEEPER)
    (version,) = keeper.versions("dumps/a")
    with pytest.raises(keeper.client.exceptions.ClientError, match="AccessDenied"):
        keeper.client.delete_object(
            **keeper.place("dumps/a"), VersionId=version.version, BypassGovernanceRetention=True
        )
    assert keeper.read("dumps/a") == b"1"
