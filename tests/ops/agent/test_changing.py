"""Single changes on a host, on files of this machine."""

import fcntl
import subprocess
from pathlib import Path

import pytest

from ops.agent import changing


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
