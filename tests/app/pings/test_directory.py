"""Which checks a receiver knows (app/pings/directory.py, directory_feed.py)."""

from pathlib import Path
from uuid import uuid4

import pytest

from app.accounts.keys import digest
from app.accounts.models import Project
from app.checks.models import Check, next_change
from app.pings import directory_feed
from app.pings.directory import Changes, Directory, Known, load, save
from app.pings.protocol import Slug

KEY, OTHER = digest("k" * 22), digest("o" * 22)
A, B = uuid4(), uuid4()


def filled() -> Directory:
    directory = Directory()
    checks = [(A.bytes, 1, "a"), (B.bytes, 1, "")]
    directory.apply(Changes(7, checks, [(1, KEY)], [], is_whole=True))
    return directory


def test_a_check_is_found_by_code_and_by_slug() -> None:
    directory = filled()
    assert directory.find(A) == (Known.YES, A)
    assert directory.find(Slug(KEY, "a")) == (Known.YES, A)
    for unknown in (uuid4(), Slug(KEY, "b"), Slug(KEY, ""), Slug(OTHER, "a")):
        assert directory.find(unknown) == (Known.NO, unknown)


def test_two_checks_with_one_slug_are_ambiguous_until_one_changes() -> None:
    directory = filled()
    directory.apply(Changes(8, [(B.bytes, 1, "a")]))
    assert directory.find(Slug(KEY, "a"))[0] is Known.AMBIGUOUS
    directory.apply(Changes(9, [(A.bytes, 1, "c")]))
    assert directory.find(Slug(KEY, "a")) == (Known.YES, B)
    assert directory.find(Slug(KEY, "c")) == (Known.YES, A)


def test_a_deleted_check_is_unknown() -> None:
    directory = filled()
    directory.apply(Changes(8, gone=[A.bytes, uuid4().bytes]))
    assert directory.find(A)[0] is Known.NO
    assert directory.find(Slug(KEY, "a"))[0] is Known.NO
    assert len(directory) == 1


def test_a_replaced_ping_key_is_unknown_at_once() -> None:
    directory = filled()
    directory.apply(Changes(8, projects=[(1, OTHER)]))
    assert directory.find(Slug(KEY, "a"))[0] is Known.NO
    assert directory.find(Slug(OTHER, "a")) == (Known.YES, A)
    directory.apply(Changes(9, projects=[(1, "")]))
    assert directory.find(Slug(OTHER, "a"))[0] is Known.NO


def test_the_snapshot_is_the_directory(tmp_path: Path) -> None:
    save(tmp_path / "directory", filled())
    again = load(tmp_path / "directory")
    assert again.number == 7
    assert again.everything() == filled().everything()


@pytest.mark.parametrize("content", [None, b"", b"nonsense", b"\xc1", Changes().packed()[:-1]])
def test_a_snapshot_that_cannot_be_read_is_an_empty_directory(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "directory"
    if content is not None:
        path.write_bytes(content)
    assert len(load(path)) == 0
    assert load(path).number == -1


@pytest.mark.django_db
def test_the_feed_says_what_changed_since() -> None:
    project = Project.objects.create(name="p", directory_change=next_change(), ping_key_digest=KEY)
    check = Check.objects.create(project=project, slug="a")
    directory = Directory()
    directory.apply(directory_feed.changes_since(directory.number))
    assert directory.find(Slug(KEY, "a")) == (Known.YES, check.code)
    assert directory.number == directory_feed.newest()

    other = Check.objects.create(project=project, slug="b")
    check.slug = "c"
    check.save(update_fields=["slug"])
    changes = directory_feed.changes_since(directory.number)
    assert not changes.is_whole
    directory.apply(changes)
    assert directory.find(Slug(KEY, "b")) == (Known.YES, other.code)
    assert directory.find(Slug(KEY, "c")) == (Known.YES, check.code)

    check.erase()
    directory.apply(directory_feed.changes_since(directory.number))
    assert directory.find(check.code)[0] is Known.NO


@pytest.mark.django_db
def test_a_check_that_the_database_has_lost_is_known_until_a_tombstone_says_otherwise() -> None:
    lost, deleted, there = uuid4(), uuid4(), uuid4()
    directory = Directory()
    checks = [(code.bytes, 1, "") for code in (lost, deleted, there)]
    directory.apply(Changes(7, checks, is_whole=True))
    project = Project.objects.create(name="p")
    Check.objects.create(project=project, code=there)
    Check.objects.create(project=project, code=deleted).erase()
    changes = directory_feed.changes_since(directory.number)
    assert changes.is_whole  # the counter went back
    directory.apply(changes)
    known = {code for code in (lost, deleted, there) if directory.find(code)[0] is Known.YES}
    assert known == {lost, there}


def test_a_lost_check_keeps_its_slug_for_the_same_key_until_it_is_made_again() -> None:
    directory = filled()
    directory.apply(Changes(3, [], [(1, KEY)], [], is_whole=True))
    assert directory.find(Slug(KEY, "a")) == (Known.YES, A)
    directory.apply(Changes(4, [(B.bytes, 1, "a")]))
    assert directory.find(Slug(KEY, "a")) == (Known.YES, B)
    assert directory.find(A) == (Known.YES, A)
    directory.apply(Changes(5, gone=[A.bytes, B.bytes]))
    assert directory.find(Slug(KEY, "a"))[0] is Known.NO
    assert len(directory) == 0


def test_a_snapshot_says_which_checks_are_lost(tmp_path: Path) -> None:
    directory = filled()
    directory.apply(Changes(3, [], [(1, KEY)], [], is_whole=True))
    save(tmp_path / "directory", directory)
    again = load(tmp_path / "directory")
    assert again.everything() == directory.everything()
    assert again.find(Slug(KEY, "a")) == (Known.YES, A)
    again.apply(Changes(4, [(B.bytes, 1, "a")]))
    assert again.find(Slug(KEY, "a")) == (Known.YES, B)
    assert again.find(A) == (Known.YES, A)


@pytest.mark.parametrize("projects", [[], [(1, OTHER)], [(1, "")]])
def test_the_slug_of_a_lost_check_is_nobody_elses(projects: list[tuple[int, str]]) -> None:
    directory = filled()
    directory.apply(Changes(3, [], projects, [], is_whole=True))
    assert directory.find(Slug(KEY, "a"))[0] is Known.NO
    assert directory.find(Slug(OTHER, "a"))[0] is Known.NO
    assert directory.find(A) == (Known.YES, A)


@pytest.mark.django_db
def test_renaming_a_check_does_not_touch_the_directory() -> None:
    project = Project.objects.create(name="p")
    check = Check.objects.create(project=project, slug="a")
    before = directory_feed.newest()
    check.name = "other"
    check.save(update_fields=["name"])
    assert directory_feed.newest() == before
