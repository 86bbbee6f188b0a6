"""What is deleted of the bucket (backups/pruning.py): as a plan, and on a real SeaweedFS."""

import json
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from backups.layout import Kind, manifest_key, object_key, verified_key
from backups.manifest import Manifest
from backups.pruning import Bucket, Outcome, Plan, carry_out, plan, read
from backups.settings import Retention
from backups.store import Listed, Store, Unfinished
from tests.backups.stored import CONTENT, manifest, run, stored, wal_key
from tests.s3 import KEEPER, OPERATOR, WRITER, running_server
from tests.s3 import Bucket as RealBucket

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
TWO_DAYS = Retention(days=2, keep_verified=3)


# As a plan: what lies there is made up.


def held(*backups: Manifest, is_verified: bool = True) -> dict[str, tuple[Listed, ...]]:
    found = dict[str, tuple[Listed, ...]]()
    for one in backups:
        for key in (object_key, manifest_key, verified_key)[: 3 if is_verified else 2]:
            name = key(one.kind, one.id)
            size = len(CONTENT) if key is object_key else 100
            found[name] = (Listed(name, size, one.started_at, "1"),)
    return found


def bucket(*backups: Manifest, is_verified: bool = True) -> Bucket:
    manifests = {manifest_key(one.kind, one.id): one for one in backups}
    return Bucket(held(*backups, is_verified=is_verified), manifests)


def removed(lying: Bucket, retention: Retention = TWO_DAYS) -> list[tuple[str, str]]:
    return [(one.what, one.name) for one in plan(lying, NOW, retention).removals]


def days_ago(*ages: float, kind: Kind = Kind.DUMP) -> list[Manifest]:
    return [manifest(NOW - timedelta(days=age), kind) for age in ages]


def test_the_manifest_goes_before_what_it_vouches_for() -> None:
    dumps = days_ago(0, 1, 2, 3)
    (removal,) = plan(bucket(*dumps), NOW, TWO_DAYS).removals
    oldest = dumps[3].id
    assert [one.key for one in removal.versions] == [
        f"dumps/{oldest}/manifest.json",
        f"dumps/{oldest}/dump.gpg",
        f"verified/dumps/{oldest}.json",
    ]
    assert (removal.what, removal.name, removal.bytes) == ("dump", oldest, 209)


@pytest.mark.parametrize(
    "changed",
    [
        lambda one: (replace(one, bytes=one.bytes - 1),),
        lambda one: (one, replace(one, modified_at=one.modified_at + timedelta(seconds=1))),
        lambda one: (one, replace(one, is_marker=True)),
        lambda _: (),
    ],
    ids=["cut", "written again", "hidden", "gone"],
)
def test_what_was_changed_since_its_drill_counts_as_never_verified(changed: object) -> None:
    assert callable(changed)
    dumps = days_ago(0, 1, 2, 3)
    lying = bucket(*dumps)
    key = object_key(Kind.DUMP, dumps[0].id)
    other = dict(lying.held) | {key: changed(lying.held[key][0])}
    assert removed(replace(lying, held={k: v for k, v in other.items() if v})) == []
    assert removed(lying) != []


def test_a_record_that_was_hidden_is_none() -> None:
    lying = bucket(*days_ago(0, 1, 2, 3))
    key = verified_key(Kind.DUMP, days_ago(0)[0].id)
    hidden = (*lying.held[key], replace(lying.held[key][0], is_marker=True))
    assert removed(replace(lying, held={**lying.held, key: hidden})) == []


def test_a_manifest_that_was_hidden_or_replaced_keeps_its_backup_and_all_wal() -> None:
    bases = [manifest(NOW - timedelta(days=age), Kind.BASE, 90 - age) for age in (0, 1, 2, 3, 40)]
    lying = bucket(*bases)
    wal = {wal_key(n): (Listed(wal_key(n), 1, NOW - timedelta(days=30), "1"),) for n in (1, 88)}
    lying = replace(lying, held={**lying.held, **wal})
    assert ("wal", wal_key(1)) in removed(lying)
    key = manifest_key(Kind.BASE, bases[4].id)
    assert ("base", bases[4].id) in removed(lying)
    again = replace(lying.held[key][0], modified_at=NOW - timedelta(days=9))
    for changed in (again, replace(again, is_marker=True)):
        manifests = {**lying.manifests, key: None} if changed.is_marker else lying.manifests
        touched = Bucket({**lying.held, key: (*lying.held[key], changed)}, manifests)
        assert removed(touched) == [("base", bases[3].id)]
        stays = plan(touched, NOW, TWO_DAYS).stays
        assert stays == {bases[4].id: "what WAL it needs cannot be read"}


def test_a_manifest_at_another_ones_place_is_not_believed() -> None:
    dumps = days_ago(0, 1, 2, 3)
    lying = bucket(*dumps)
    key = manifest_key(Kind.DUMP, dumps[0].id)
    assert removed(replace(lying, manifests={**lying.manifests, key: dumps[1]})) == []


def test_a_host_whose_clock_is_years_behind_does_not_make_its_dumps_old() -> None:
    dumps = days_ago(0, 1, 2, 1000)
    lying = bucket(*dumps)
    stored_now = {k: (replace(v[0], modified_at=NOW),) for k, v in lying.held.items()}
    assert removed(replace(lying, held=stored_now)) == []
    assert removed(lying) == [("dump", dumps[3].id)]


def test_remnants_go_after_two_days_and_strange_keys_never() -> None:
    dumps = days_ago(*range(4))
    lying = bucket(*dumps)
    old, young = days_ago(2.01, 1.9)
    strange = ["dumps/readme", f"dumps/{dumps[0].id}/note", "wal/7/00000001/x.gpg", "other/1"]
    left = [object_key(Kind.DUMP, old.id), verified_key(Kind.BASE, old.id)]
    more = {key: (Listed(key, 1, old.started_at, "1"),) for key in (*left, *strange)}
    under_way = object_key(Kind.DUMP, young.id)
    more[under_way] = (Listed(under_way, 1, young.started_at, "1"),)
    planned = plan(replace(lying, held={**lying.held, **more}), NOW, TWO_DAYS)
    found = [one.name for one in planned.removals if one.what == "remnant"]
    assert found == left
    assert list(planned.unknown) == sorted(strange)


def test_uploads_are_given_up_after_a_day() -> None:
    uploads = [Unfinished("dumps/a", str(age), NOW - timedelta(hours=age)) for age in (23, 25)]
    assert plan(replace(bucket(), uploads=uploads), NOW, TWO_DAYS).uploads == (uploads[1],)


@pytest.mark.parametrize(("age", "is_too_much"), [(13, False), (14, False), (15, True)])
def test_a_third_of_all_is_too_much_at_once(age: int, is_too_much: bool) -> None:
    dumps = days_ago(*range(age))  # those of ten days and more go: 3 of 13, 4 of 14, 5 of 15
    planned = plan(bucket(*dumps), NOW, Retention(days=9, keep_verified=3))
    assert planned.is_too_much is is_too_much


def test_a_few_are_never_too_much() -> None:
    retention = Retention(days=1, keep_verified=1)
    planned = plan(bucket(*days_ago(*range(5))), NOW, retention)
    assert (len(planned.removals), planned.is_too_much) == (3, False)
    planned = plan(bucket(*days_ago(*range(6))), NOW, retention)
    assert (len(planned.removals), planned.is_too_much) == (4, True)


# On a real store, with the keeper's credentials.


@pytest.fixture
def real() -> RealBucket:
    return running_server().new_bucket()


def pruned(store: Store, day: float) -> tuple[Plan, Outcome]:
    planned = plan(read(store), datetime.now(UTC) + timedelta(days=day), TWO_DAYS)
    return planned, carry_out(store, planned)


def there(real: RealBucket) -> set[str]:
    return {one.key for one in real.store(OPERATOR).versions("")}


def test_every_version_of_an_old_backup_goes_and_nothing_else(real: RealBucket) -> None:
    dumps = stored(real, 1, 2, 3, 4, 5)
    real.store(KEEPER).put(verified_key(Kind.DUMP, dumps[0].id), b"{again}", is_new=False)
    real.store(WRITER).put(wal_key(1), b"1")
    before = there(real)
    _, outcome = pruned(real.store(KEEPER), 6)
    assert [one.name for one in outcome.gone] == [dumps[0].id, dumps[1].id, wal_key(1)]
    gone = {key for key in before if dumps[0].id in key or dumps[1].id in key} | {wal_key(1)}
    assert there(real) == before - gone
    assert pruned(real.store(KEEPER), 6)[0].removals == ()


def test_a_lock_keeps_a_backup_whole(real: RealBucket) -> None:
    real.lock(days=1)
    dumps = stored(real, 1, 2, 3, 4)
    before = there(real)
    _, outcome = pruned(real.store(KEEPER), 6)
    assert outcome.gone == []
    assert outcome.refused == [manifest_key(Kind.DUMP, dumps[0].id)]
    assert there(real) == before


def test_what_a_cut_off_run_left_goes_too(real: RealBucket) -> None:
    dumps = stored(real, 1, 2, 3, 4)
    keeper = real.store(KEEPER)
    keeper.delete(manifest_key(Kind.DUMP, dumps[0].id), read(keeper).held[
        manifest_key(Kind.DUMP, dumps[0].id)][0].version)  # fmt: skip
    _, outcome = pruned(keeper, 6)
    assert {one.what for one in outcome.gone} == {"remnant"}
    assert not any(dumps[0].id in key for key in there(real))


def test_an_upload_that_nobody_finished_is_aborted(real: RealBucket) -> None:
    writer, keeper = real.store(WRITER), real.store(KEEPER)
    writer.client.create_multipart_upload(**writer.place("dumps/a/dump.gpg"))
    assert pruned(keeper, 0.9)[1].aborted == 0
    assert pruned(keeper, 1.1)[1].aborted == 1
    assert list(keeper.unfinished()) == []


def test_the_program_deletes_many_only_when_it_is_said(real: RealBucket) -> None:
    old = stored(real, *range(-5, 0))
    wait_for_the_next_second(real)
    (kept,) = stored(real, 0)
    before = there(real)

    shown = run(real, KEEPER, "prune", "--dry-run", "--json")
    assert (shown.returncode, told(shown)["planned"]["dump"] >= 5) == (0, True), shown.stderr
    asked = run(real, KEEPER, "prune", "--json")
    assert (asked.returncode, told(asked)["deleted"]) == (1, {}), asked.stderr
    assert there(real) == before

    done = run(real, KEEPER, "prune", "--json", "--allow-many")
    assert done.returncode == 0, done.stderr
    assert told(done)["deleted"] == told(shown)["planned"]
    assert all(f"dump     {one.id}" in done.stderr for one in old)
    assert {one.key for one in real.store(KEEPER).listed("dumps/")} == {
        kept.object.key, manifest_key(Kind.DUMP, kept.id),
    }  # fmt: skip


def wait_for_the_next_second(real: RealBucket) -> None:
    """Wait until the store dates otherwise than now: it does so by the second."""
    keeper, dates = real.store(KEEPER), set[datetime]()
    while len(dates) < 2:
        keeper.put("verified/now", b"", is_new=False)
        dates |= {one.modified_at for one in keeper.listed("verified/now")}


def told(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(done.stdout)
    assert set(answer) == {
        "planned", "deleted", "bytes", "refused", "aborted_uploads", "stays", "unknown",
    }  # fmt: skip
    return answer


def test_a_program_that_may_not_read_says_so(real: RealBucket) -> None:
    done = run(real, WRITER, "prune")
    assert done.returncode == 1
    assert "these credentials may not" in done.stderr
    assert done.stdout == ""
