"""Which commit a release is made of, and when none is."""

import subprocess
from pathlib import Path

import pytest

from ops.errors import BuildFailed
from ops.release.commits import find_commit
from tests.ops.release.scratch import Scratch


def test_no_name_means_head(scratch: Scratch) -> None:
    found = find_commit(scratch.root, "")
    assert found.id == scratch.git("rev-parse", "HEAD")
    assert found.release_id == found.id[:12]
    assert found.subject == "The first release"
    assert found.made_at.isoformat() == "2023-11-14T22:13:20+00:00"


def test_an_earlier_commit_can_be_named(scratch: Scratch) -> None:
    first = scratch.git("rev-parse", "HEAD")
    scratch.commit("The second", app__new_py="")
    for name in (first, first[:10], "HEAD~1"):
        assert find_commit(scratch.root, name).id == first


def test_a_dirty_checkout_is_refused_with_what_is_dirty(scratch: Scratch) -> None:
    (scratch.root / "app" / "urls.py").write_text("changed")
    (scratch.root / "app" / "forgotten.py").write_text("never added")
    with pytest.raises(BuildFailed) as refused:
        find_commit(scratch.root, "")
    assert " M app/urls.py" in str(refused.value)
    assert "?? app/forgotten.py" in str(refused.value)


def test_what_was_never_added_is_dirt_whatever_git_was_told_to_show(scratch: Scratch) -> None:
    scratch.git("config", "status.showUntrackedFiles", "no")
    (scratch.root / "app" / "forgotten.py").write_text("never added")
    with pytest.raises(BuildFailed, match=r"\?\? app/forgotten.py"):
        find_commit(scratch.root, "")


def test_who_has_git_show_signatures_gets_the_same_release(
    scratch: Scratch, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)]
    subprocess.run(made, check=True, timeout=60)
    signing = ("-c", "gpg.format=ssh", "-c", f"user.signingkey={key}.pub")
    scratch.git(*signing, "commit", "-S", "--quiet", "--allow-empty", "--message", "Signed")
    scratch.git("config", "log.showSignature", "true")
    assert find_commit(scratch.root, "").id == scratch.git("rev-parse", "HEAD")


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        (b"Clear \x1b[2J the screen", "Clear \N{REPLACEMENT CHARACTER}[2J the screen"),
        (b"Caf\xe9", "Caf\N{REPLACEMENT CHARACTER}"),
        (b"Long " * 1_000, ("Long " * 24) + "..."),
    ],
)
def test_a_subject_is_shown_as_one_harmless_line(
    scratch: Scratch, subject: bytes, shown: str
) -> None:
    tree = scratch.git("rev-parse", "HEAD^{tree}").encode()
    who = b"A <a@example.org> 1700000000 +0000"
    raw = b"tree %b\nauthor %b\ncommitter %b\n\n%b\n" % (tree, who, who, subject)
    made = subprocess.run(
        ["git", "hash-object", "-t", "commit", "-w", "--stdin"],
        cwd=scratch.root, input=raw, capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    found = find_commit(scratch.root, made.stdout.decode().strip())
    assert found.subject == shown


def test_a_commit_that_is_named_is_built_from_a_dirty_checkout(scratch: Scratch) -> None:
    (scratch.root / "app" / "urls.py").write_text("changed")
    assert find_commit(scratch.root, "HEAD").subject == "The first release"


def test_an_inventory_in_the_checkout_is_not_dirt(scratch: Scratch) -> None:
    (scratch.root / "provisioning").mkdir()
    (scratch.root / "provisioning" / "mine.toml").write_text("")
    assert find_commit(scratch.root, "").subject == "The first release"


@pytest.mark.parametrize("name", ["nowhere", "--output=x", "HEAD:app", "0123456789abcdef"])
def test_what_is_no_commit_is_refused_by_its_name(scratch: Scratch, name: str) -> None:
    with pytest.raises(BuildFailed, match=f"'{name}' is no commit"):
        find_commit(scratch.root, name)
