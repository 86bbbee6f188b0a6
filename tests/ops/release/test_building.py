"""A release: what is in it, and that it is the same whenever and wherever it is built."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ops.errors import BuildFailed
from ops.release.building import Release, build, migrations
from tests.architecture.tree import ROOT
from tests.ops.release.scratch import Scratch


def names_of(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def content(path: Path, name: str) -> bytes:
    with tarfile.open(path) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


@pytest.fixture
def elsewhere(tmp_path: Path, built: Release) -> Mapping[str, str]:
    """Return another place for releases, with the packages that were fetched before."""
    root = tmp_path / "releases"
    there = built.packages["3.13"].path.parent
    shutil.copytree(there, root / "packages", copy_function=os.link)
    return {"STILLHERE_RELEASES": str(root)}


def test_it_has_what_runs_and_nothing_else(built: Release) -> None:
    names = names_of(built.code.path)
    whole = {"app", "backups", "manage.py", "static", "release.json"}
    assert {name.split("/")[0] for name in names} == whole
    assert [name for name in names if name.endswith(".pyc") or "__pycache__" in name] == []


def test_it_says_what_it_is(built: Release) -> None:
    said = json.loads(content(built.code.path, "release.json"))
    assert said["id"] == built.id == built.commit[:12]
    assert said["subject"] == built.subject == "The first release"
    assert said["made_at"] == "2023-11-14T22:13:20+00:00"
    assert said["packages"] == {one: each.id for one, each in built.packages.items()}
    assert said["migrations"] == list(built.migrations)
    assert "accounts.0001_initial" in built.migrations


def test_static_files_have_names_that_say_their_content(built: Release) -> None:
    names = [name for name in names_of(built.code.path) if name.startswith("static/")]
    manifest = json.loads(content(built.code.path, "static/staticfiles.json"))
    named = {f"static/{name}" for name in manifest["paths"].values()}
    assert {"web/app.css", "pages/app.js", "web/mark-down.svg"} <= set(manifest["paths"])
    assert {name for name in names if "." in Path(name).name} == named | {"static/staticfiles.json"}
    assert manifest["paths"]["web/app.css"] != "web/app.css"


@pytest.mark.parametrize("python", ["3.11", "3.13"])
def test_packages_are_for_the_python_of_the_hosts(built: Release, python: str) -> None:
    names = names_of(built.packages[python].path)
    tag = f"cpython-{python.replace('.', '')}-x86_64"
    compiled = [name for name in names if ".cpython-" in name]
    assert compiled
    assert [name for name in compiled if tag not in name] == []
    assert {"django", "oncalendar", "psycopg2", "uvloop"} <= {name.split("/")[0] for name in names}
    assert not any(name.startswith("bin/") or name.endswith(".pyc") for name in names)
    with gzip.open(built.packages[python].path) as unpacked:
        everything = unpacked.read()
    assert str(ROOT).encode() not in everything
    assert sys.prefix.encode() not in everything


def test_the_same_commit_is_the_same_release_byte_for_byte(
    scratch: Scratch, built: Release, elsewhere: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another checkout, another time, another umask, another shell, for one Python only."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@nowhere/nothing")
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "no.such.settings")
    before = os.umask(0o077)
    try:
        again = build("HEAD", ["3.13"], root=scratch.root, environment=elsewhere)
    finally:
        os.umask(before)
    assert again.code.path != built.code.path
    assert again.code.path.read_bytes() == built.code.path.read_bytes()
    assert again.id == built.id


def test_another_commit_is_another_release_with_the_same_packages(
    scratch: Scratch, kept: Mapping[str, str], built: Release
) -> None:
    scratch.commit("The second release", app__new_py="")
    second = build(root=scratch.root, environment=kept)
    assert second.id != built.id
    assert second.packages == built.packages


def test_builds_at_once_wait_for_each_other(
    scratch: Scratch, built: Release, elsewhere: Mapping[str, str]
) -> None:
    told = list[str]()

    def one(_: int) -> Release:
        return build("HEAD", ["3.13"], root=scratch.root, environment=elsewhere, told=told.append)

    with ThreadPoolExecutor(3) as pool:
        assert {each.code.sha256 for each in pool.map(one, range(3))} == {built.code.sha256}
    assert sum(line.startswith("Building ") for line in told) == 1


def test_a_build_that_was_killed_leaves_nothing_that_is_used(
    scratch: Scratch, built: Release, elsewhere: Mapping[str, str]
) -> None:
    code = "from ops.release.building import build; from pathlib import Path; import sys;"
    code += "build('HEAD', ['3.13'], root=Path(sys.argv[1]))"
    place = Path(elsewhere["STILLHERE_RELEASES"])
    with subprocess.Popen(
        [sys.executable, "-c", code, str(scratch.root)], cwd=ROOT, env=os.environ | elsewhere
    ) as process:
        while not list(place.glob("building-*/code/site-packages/django")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert not (place / "code").exists()
    again = build("HEAD", ["3.13"], root=scratch.root, environment=elsewhere)
    assert again.code.sha256 == built.code.sha256
    assert list(place.glob("building-*")) == []


def test_an_archive_that_was_harmed_is_built_again(
    scratch: Scratch, built: Release, elsewhere: Mapping[str, str]
) -> None:
    code = Path(elsewhere["STILLHERE_RELEASES"]) / "code"
    shutil.copytree(built.code.path.parent, code)
    harmed = bytearray(built.code.path.read_bytes())
    harmed[len(harmed) // 2] ^= 1
    (code / built.code.path.name).write_bytes(harmed)
    again = build("HEAD", ["3.13"], root=scratch.root, environment=elsewhere)
    assert again.code.path.parent == code
    assert again.code.path.read_bytes() == built.code.path.read_bytes()


def test_static_files_that_cannot_be_collected_fail_the_build(
    scratch: Scratch, elsewhere: Mapping[str, str]
) -> None:
    css = scratch.root / "app/web/static/web/app.css"
    css.write_text(css.read_text() + "\na { background: url(gone.svg) }\n")
    scratch.commit("Broken")
    with pytest.raises(BuildFailed, match=r"gone\.svg"):
        build(root=scratch.root, pythons=["3.13"], environment=elsewhere)


def test_a_python_that_no_host_has_is_refused() -> None:
    with pytest.raises(BuildFailed, match=r"3\.11 and 3\.13, not for 3\.9"):
        build("HEAD", ["3.9"])


def test_migrations_are_found_by_their_place() -> None:
    names = ["app/pings/migrations/0002_b.py", "app/pings/migrations/__init__.py"]
    names += ["app/pings/migrations/0001_a.py", "app/pings/0001.py", "tests/x/migrations/0001_a.py"]
    assert migrations(names) == ["pings.0001_a", "pings.0002_b"]
