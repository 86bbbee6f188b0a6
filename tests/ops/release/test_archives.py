"""The same folder is the same bytes."""

import os
from pathlib import Path

import pytest

from ops.agent.releasing import unpack_file
from ops.errors import BuildFailed
from ops.release.archives import pack


def folder(path: Path, names: list[str]) -> Path:
    for name in names:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(f"content of {name}")
    return path


def test_order_times_and_rights_of_this_machine_do_not_matter(tmp_path: Path) -> None:
    names = ["a/b.py", "a/c/d.py", "a-b", "z" * 120]
    one = folder(tmp_path / "one", names)
    other = folder(tmp_path / "other", names[::-1])
    os.utime(other / "a/b.py", (5, 5))
    (other / "a/b.py").chmod(0o600)
    (other / "a").chmod(0o700)
    first = pack(one, "code", "0" * 12, tmp_path / "one.gz", 7)
    second = pack(other, "code", "0" * 12, tmp_path / "other.gz", 7)
    assert first.path.read_bytes() == second.path.read_bytes()
    assert first.sha256 == second.sha256


def test_what_is_unpacked_is_what_was_packed(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", ["a/b.py", "a/run"])
    (one / "a/run").chmod(0o755)
    (one / "empty").mkdir()
    archive = pack(one, "code", "0" * 12, tmp_path / "one.gz", 7)
    unpack_file(str(archive.path), str(tmp_path / "back"))
    back = {str(p.relative_to(tmp_path / "back")) for p in (tmp_path / "back").rglob("*")}
    assert back == {"a", "a/b.py", "a/run", "empty"}
    assert (tmp_path / "back/a/b.py").read_text() == "content of a/b.py"
    assert (tmp_path / "back/a/run").stat().st_mode & 0o777 == 0o755
    assert archive.unpacked_bytes == len("content of a/b.py" + "content of a/run")


def test_a_link_is_refused(tmp_path: Path) -> None:
    one = folder(tmp_path / "one", ["a"])
    (one / "link").symlink_to("a")
    with pytest.raises(BuildFailed, match="link is neither"):
        pack(one, "code", "0" * 12, tmp_path / "one.gz", 7)
