"""What a host reads of apt, of its processes and of its kernels."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ops.agent import updating

SIMULATED = """\
Reading package lists...
Inst libssl3t64 [3.5.1-1] (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
Inst linux-image-6.12.48+deb13-amd64 (6.12.48-1 Debian:13.1/stable [amd64])
Inst nginx [1.26.3-3+deb13u1] (1.26.3-3+deb13u2 Debian-Security:13/stable-security [amd64]) []
Conf libssl3t64 (3.5.1-1+deb13u1 Debian-Security:13/stable-security [amd64])
"""


def test_what_apt_would_install_is_read() -> None:
    assert updating.upgradable(SIMULATED) == [
        "libssl3t64 3.5.1-1 -> 3.5.1-1+deb13u1",
        "linux-image-6.12.48+deb13-amd64 new -> 6.12.48-1",
        "nginx 1.26.3-3+deb13u1 -> 1.26.3-3+deb13u2",
    ]
    assert updating.upgradable("0 upgraded, 0 newly installed, 0 to remove\n") == []


CODE = "7f0-7f1 r-xp 00001000 fe:01 1183   "


@pytest.mark.parametrize(
    ("program", "maps", "is_so"),
    [
        ("/usr/sbin/nginx (deleted)", "", True),
        ("/usr/sbin/nginx", f"{CODE}/usr/lib/x86_64-linux-gnu/libssl.so.3 (deleted)\n", True),
        ("/usr/sbin/nginx", f"{CODE}/usr/lib/x86_64-linux-gnu/libssl.so.3\n", False),
        ("/usr/sbin/nginx", "7f0-7f1 rw-s 00000000 00:01 7   /dev/zero (deleted)\n", False),
        ("/usr/bin/postgres", "7f0-7f1 r--p 0000 fe:01 9   /usr/lib/a.so (deleted)\n", False),
        ("/usr/bin/python3", f"{CODE}/memfd:jit (deleted)\n", False),
    ],
)
def test_a_process_is_stale_when_its_code_is_not_the_disks(
    program: str, maps: str, is_so: bool
) -> None:
    assert updating.is_replaced(program, maps) is is_so


def test_a_program_that_was_replaced_under_a_process_is_seen(tmp_path: Path) -> None:
    program = tmp_path / "sleeper"
    program.write_bytes(Path("/usr/bin/sleep").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program, "60"]) as process:
        try:
            link = f"/proc/{process.pid}/exe"
            assert not updating.is_replaced(str(Path(link).readlink()), "")
            (tmp_path / "new").write_bytes(Path(sys.executable).read_bytes())
            (tmp_path / "new").replace(program)
            assert updating.is_replaced(str(Path(link).readlink()), "")
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("cgroup", "unit"),
    [
        ("0::/system.slice/stillhere-receiver@0.service\n", "stillhere-receiver@0.service"),
        ("0::/user.slice/user-0.slice/user@0.service/app.slice/dbus.service\n", "user@0.service"),
        ("0::/user.slice/user-0.slice/session-4.scope\n", "session-4.scope"),
        ("0::/init.scope\n", "init.scope"),
        ("0::/\n", ""),
    ],
)
def test_a_process_belongs_to_a_unit(cgroup: str, unit: str) -> None:
    assert updating.unit_of(cgroup) == unit


def test_only_services_that_survive_it_are_restarted() -> None:
    units = ("nginx.service", "ssh.service", "dbus.service", "user@0.service", "session-4.scope")
    assert [name for name in units if updating.is_restarted(name)] == list(units[:2])


@pytest.mark.parametrize(
    ("files", "running", "newest"),
    [
        (("vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-10-amd64", "grub"), "6.1.0-9-amd64",
         "6.1.0-10-amd64"),
        (("vmlinuz-6.1.0-9-amd64", "vmlinuz-6.1.0-10-amd64"), "6.1.0-10-amd64", ""),
        (("vmlinuz-6.12.48+deb13-amd64",), "6.12.43+deb13-amd64", "6.12.48+deb13-amd64"),
        (("vmlinuz-6.12.48+deb13-cloud-amd64",), "6.12.43+deb13-amd64", ""),
        ((), "6.18.1", ""),
    ],
)  # fmt: skip
def test_a_newer_kernel_of_the_same_kind_is_a_reason_to_boot(
    files: tuple[str, ...], running: str, newest: str
) -> None:
    assert updating.newest_kernel(list(files), running) == newest


def test_a_host_that_debian_wants_booted_says_for_which_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(updating, "REQUIRED", str(tmp_path / "reboot-required"))
    monkeypatch.setattr(os, "listdir", lambda _: [])
    assert updating.why_to_boot(set()) == ""
    (tmp_path / "reboot-required").touch()
    (tmp_path / "reboot-required.pkgs").write_text("libc6\ndbus\nlibc6\n")
    assert updating.why_to_boot({"dbus.service", "nginx.service"}) == (
        "Debian asks for it (dbus libc6); dbus.service run from files that were replaced"
    )
