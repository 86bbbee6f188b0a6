"""The script behind `make run` and `make setup`: what it says when something is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.architecture.tree import ROOT

TOOLS = (
    "bash",
    "cat",
    "cp",
    "dirname",
    "env",
    "grep",
    "mkdir",
    "rm",
    "sed",
    "sha256sum",
    "tail",
    "tee",
)

# A Python that does nothing but say what it was asked, in the file `asked` beside the script.
PYTHON = """#!/bin/bash
echo "$@" >>"$ASKED"
case "$*" in
    "-c import sys;"*) exit {is_too_old} ;;
    "-c import ensurepip"*) exit {lacks_venv} ;;
    "-c import pip") exit 0 ;;
    "--version") echo "Python {version}" ;;
    "-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python ;;
    "-m pip"*) echo "Collecting django==5.2.19"; echo "{pip_says}"; exit {pip_fails} ;;
esac
"""


class Machine:
    """A directory with the script, and a PATH with nothing but what a test puts there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "bin"
        self.asked = directory / "asked"
        self.path.mkdir()
        self.asked.touch()
        for tool in TOOLS:
            found = shutil.which(tool)
            assert found is not None
            (self.path / tool).symlink_to(found)
        (directory / "requirements").mkdir()
        shutil.copy(ROOT / "requirements" / "install", directory / "requirements")
        self.pin("django==5.2.19 \\\n    --hash=sha256:0\n")

    def pin(self, content: str) -> None:
        for name in ("base.txt", "dev.txt"):
            (self.directory / "requirements" / name).write_text(content, "utf-8")

    def has_python(
        self,
        name: str = "python3",
        version: str = "3.11.2",
        *,
        is_too_old: bool = False,
        lacks_venv: bool = False,
        pip_fails: str = "",
    ) -> None:
        program = self.path / name
        text = PYTHON.format(
            version=version,
            is_too_old=int(is_too_old),
            lacks_venv=int(lacks_venv),
            pip_fails=int(bool(pip_fails)),
            pip_says=pip_fails,
        )
        program.write_text(text, "utf-8")
        program.chmod(0o755)

    def install(self, what: str = "base") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.path / "bash"), "requirements/install", what],
            cwd=self.directory,
            env={"PATH": str(self.path), "ASKED": str(self.asked)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def pip_runs(self) -> int:
        return self.asked.read_text("utf-8").count("-m pip install")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_it_makes_the_environment_and_shows_progress(machine: Machine) -> None:
    machine.has_python()
    done = machine.install()
    assert done.returncode == 0
    assert "Making .venv with Python 3.11.2" in done.stdout
    assert "Installing 1 Python packages" in done.stdout
    assert "  django==5.2.19\n" in done.stdout
    assert "--require-hashes" in machine.asked.read_text("utf-8")


def test_the_second_time_it_does_nothing(machine: Machine) -> None:
    machine.has_python()
    machine.install()
    done = machine.install()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert machine.pip_runs() == 1


def test_other_requirements_are_installed(machine: Machine) -> None:
    machine.has_python()
    machine.install()
    machine.pin("django==5.2.20 \\\n    --hash=sha256:1\n")
    assert "Installing" in machine.install().stdout
    assert machine.pip_runs() == 2


def test_what_develops_the_service_also_runs_it(machine: Machine) -> None:
    machine.has_python()
    machine.install("dev")
    assert machine.install("base").stdout == ""


def test_another_python_installs_anew(machine: Machine) -> None:
    machine.has_python()
    machine.install()
    python = machine.directory / ".venv/bin/python"
    python.write_text(python.read_text("utf-8").replace("3.11.2", "3.13.0"), "utf-8")
    assert "Installing" in machine.install().stdout


def test_no_python_is_said(machine: Machine) -> None:
    done = machine.install()
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; here is none." in done.stderr
    assert "apt-get install python3 python3-venv" in done.stderr


def test_an_old_python_is_said(machine: Machine) -> None:
    machine.has_python(version="3.9.2", is_too_old=True)
    done = machine.install()
    assert done.returncode == 1
    assert "Python 3.11 or newer is needed; here is Python 3.9.2." in done.stderr


def test_a_newer_python_beside_an_old_one_is_taken(machine: Machine) -> None:
    machine.has_python(version="3.9.2", is_too_old=True)
    machine.has_python("python3.12", version="3.12.1")
    done = machine.install()
    assert done.returncode == 0
    assert "Making .venv with Python 3.12.1" in done.stdout


def test_a_missing_venv_is_said(machine: Machine) -> None:
    machine.has_python(lacks_venv=True)
    done = machine.install()
    assert done.returncode == 1
    assert "cannot make a virtual environment" in done.stderr
    assert "apt-get install python3-venv" in done.stderr


def test_why_packages_could_not_be_installed_is_shown(machine: Machine) -> None:
    machine.has_python(pip_fails="ERROR: hashes do not match")
    done = machine.install()
    assert done.returncode == 1
    assert "ERROR: hashes do not match" in done.stderr
    assert "could not be installed" in done.stderr
    machine.has_python()
    shutil.copy(machine.path / "python3", machine.directory / ".venv/bin/python")
    assert machine.install().returncode == 0


def test_debian_s_packages_are_no_business_of_another_system(machine: Machine) -> None:
    done = machine.install("debian")
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root installs packages")
def test_only_missing_packages_are_installed(machine: Machine) -> None:
    (machine.directory / "requirements/debian.txt").write_text("here # why\nmissing\n", "utf-8")
    fakes = {
        "dpkg-query": "[[ ${*: -1} == here ]] && echo -n installed",
        "apt-get": 'echo "apt-get $*" >>"$ASKED"',
    }
    for name, body in fakes.items():
        (machine.path / name).unlink(missing_ok=True)
        (machine.path / name).write_text(f"#!/bin/bash\n{body}\n", "utf-8")
        (machine.path / name).chmod(0o755)
    done = machine.install("debian")
    assert "Installing Debian packages: missing\n" in done.stdout
    asked = machine.asked.read_text("utf-8").splitlines()
    assert [line.split()[-1] for line in asked] == ["update", "missing"]
    assert all("DPkg::Lock::Timeout=300" in line for line in asked)
