"""Wheels for the hosts' Pythons."""

from pathlib import Path

import pytest

from ops.errors import BuildFailed
from ops.release import packages
from ops.release.packages import explained, install, packages_id
from tests.architecture.tree import ROOT

REQUIREMENTS = (ROOT / "requirements" / "base.txt").read_text("utf-8")


def only(name: str) -> str:
    """Return the requirement of one package, with its hashes."""
    begin = REQUIREMENTS.index(f"\n{name}==") + 1
    return REQUIREMENTS[begin : REQUIREMENTS.index("# via", begin)]


def test_packages_are_known_by_requirements_and_python() -> None:
    names = {packages_id(text, one) for text in ("a==1", "a==2") for one in ("3.11", "3.13")}
    assert len(names) == 4
    assert packages_id("a==1", "3.11") in names


def test_a_package_without_a_wheel_fails_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "BUILT_HERE", ())
    with pytest.raises(BuildFailed) as failed:
        install(only("oncalendar"), "3.13", tmp_path / "site", tmp_path)
    assert str(failed.value).startswith("oncalendar==1.1 has no wheel for Python 3.13 on Linux")
    assert "BUILT_HERE" in str(failed.value)


def test_a_package_that_is_compiled_when_built_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def builds(_python: str, verb: str, *arguments: str) -> None:
        if verb == "wheel":
            (tmp_path / "wheels").mkdir()
            (tmp_path / "wheels" / "oncalendar-1.1-cp311-cp311-linux_x86_64.whl").touch()

    monkeypatch.setattr(packages, "_pip", builds)
    with pytest.raises(BuildFailed, match=r"oncalendar-1\.1-cp311.* compiled for this machine"):
        install(only("oncalendar"), "3.13", tmp_path / "site", tmp_path)


def test_a_file_that_is_not_the_pinned_one_is_refused(tmp_path: Path) -> None:
    text = only("cronsim")
    digest = text.split("sha256:")[1][:64]
    with pytest.raises(BuildFailed, match="DO NOT MATCH THE HASHES"):
        install(text.replace(digest, "0" * 64), "3.13", tmp_path / "site", tmp_path)


def test_an_index_that_does_not_answer_is_no_missing_wheel() -> None:
    said = (
        "WARNING: Retrying (Retry(total=0, connect=None)) after connection broken by ...\n"
        "ERROR: No matching distribution found for django==5.2.19\n"
    )
    assert explained("3.13", said).startswith("The package index does not answer")
