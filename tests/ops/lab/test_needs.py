import os
from pathlib import Path

import pytest

from ops.errors import LabError
from ops.lab import machine, needs
from ops.lab.plan import Lab


def test_who_is_not_root_is_told_why_root_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="needs root on Linux"):
        needs.check(Lab("p", tmp_path))


def test_missing_packages_are_all_named_with_the_command_that_gets_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setitem(machine.ENVIRONMENT, "PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"apt-get install systemd-container mmdebstrap nftables"):
        needs.check(Lab("p", tmp_path))
