"""Single changes on a host, on files of this machine."""

import fcntl
import grp
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from ops.agent import changing
from ops.agent.commands import Failed

OWNER = (pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name)


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(changing, "LOCK", str(tmp_path / "lock"))
    monkeypatch.setattr(changing, "POLICY", str(tmp_path / "policy-rc.d"))
    return tmp_path / "policy-rc.d"


def test_services_may_start_again_when_an_install_was_cut_off(policy: Path) -> None:
    with changing.no_service_starts():
        with (policy.parent / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert subprocess.run([policy], check=False).returncode == 101
        left = policy.read_text("utf-8")
    assert not policy.exists()
    policy.write_text(left, "utf-8")  # as after a power cut, when nobody holds the lock
    policy.chmod(0o755)
    assert subprocess.run([policy], check=False).returncode == 0
    with changing.no_service_starts():
        pass
    assert not policy.exists()


def test_a_policy_of_somebody_elses_stays(policy: Path) -> None:
    policy.write_text("#!/bin/sh\nexit 104\n", "utf-8")
    with changing.no_service_starts():
        pass
    assert policy.read_text("utf-8") == "#!/bin/sh\nexit 104\n"


def replace(path: Path, content: str | None) -> None:
    """Make the change of a file that the plan has seen as something else."""
    changing.change_file(str(path), "", content, 0o644, *OWNER, [], [], keep=False)


def test_a_link_where_a_file_should_be_is_left_to_a_person(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine", "utf-8")
    link = tmp_path / "motd"
    link.symlink_to("precious")
    with pytest.raises(Failed, match=r"motd is there and is no file. Move it away."):
        replace(link, "hello\n")
    assert link.is_symlink()
    replace(link, None)  # one that should not be there goes, whatever it points to
    assert not link.is_symlink()
    assert (tmp_path / "precious").read_text("utf-8") == "mine"


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_directory_is_left_to_a_person(tmp_path: Path, kind: str) -> None:
    precious, there = tmp_path / "precious", tmp_path / "etc"
    precious.mkdir(mode=0o700)
    if kind == "link":
        there.symlink_to("precious")
    else:
        there.touch()
    with pytest.raises(Failed, match=r"etc is there and is no directory. Move it away."):
        changing.change_directory(str(there), 0o755, *OWNER)
    assert precious.stat().st_mode & 0o777 == 0o700


def test_a_command_that_takes_longer_than_it_may_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        changing.change_command(["sleep", "60"], "", seconds=1)
