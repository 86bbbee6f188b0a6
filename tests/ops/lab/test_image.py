import subprocess
from pathlib import Path

import pytest

from ops.errors import LabError
from ops.lab import hosts, image, packages
from ops.lab.plan import Lab


def test_an_unknown_release_is_told_which_are_known(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="Debian 12 and 13, not 11"):
        image.base_image(Lab("p", tmp_path), 11, lambda _: None)


def test_another_list_of_packages_is_another_image(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {release: image.image_name(release) for release in (12, 13)}
    assert before[12] != before[13]
    monkeypatch.setattr(packages, "KEPT", (*packages.KEPT, "hello"))
    assert all(image.image_name(release) != before[release] for release in before)


def test_what_an_interrupted_build_left_is_removed_and_no_other_labs(tmp_path: Path) -> None:
    for name in (".p-debian-13-abc", ".q-debian-13-abc", "debian-13-abc"):
        (tmp_path / "images" / name).mkdir(parents=True)
    image.remove_unfinished(Lab("p", tmp_path))
    left = sorted(path.name for path in (tmp_path / "images").iterdir())
    assert left == [".q-debian-13-abc", "debian-13-abc"]


@pytest.mark.lab
def test_the_image_has_no_keys_no_mirror_and_nothing_that_fetches_by_itself(lab: Lab) -> None:
    root = (lab.home / "image").resolve()
    assert list((root / "etc/ssh").glob("ssh_host_*")) == []
    assert [path.name for path in (root / "etc/apt/sources.list.d").iterdir()] == []
    assert (root / "etc/apt/sources.list").read_text().startswith("deb [trusted=yes] file:/")
    timers = hosts.execute(lab, lab.host("lb1"), ["systemctl", "list-timers"]).stdout
    assert "apt-daily" not in timers


@pytest.mark.lab
def test_every_package_that_is_kept_can_be_installed(lab: Lab) -> None:
    """Shown by apt's own plan; what a release does not have is left out of the image."""
    for together in ({*packages.KEPT} - {"chrony"}, {"chrony"}):
        ask = ["apt-get", "--simulate", "install", "--yes", *(together - _NOT_IN_13)]
        done = hosts.execute(lab, lab.host("world"), ask)
        assert done.returncode == 0, done.stderr


@pytest.mark.lab
def test_nothing_of_the_build_is_still_mounted(lab: Lab) -> None:
    mounts = subprocess.check_output(["cat", "/proc/self/mounts"], text=True, timeout=10)
    assert str(lab.directory / "images") not in mounts


_NOT_IN_13 = {"postgresql-contrib"}
