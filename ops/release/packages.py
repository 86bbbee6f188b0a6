"""Third-party packages for the hosts' Pythons: this is where wheels are chosen and unpacked.

The hosts have no package index and another Python than this machine may have:
pip fetches wheels for theirs, each by its hash in the requirements. Packages that
publish no wheel are built into one here; only pure Python can be, since what is
compiled here fits here.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from ops.errors import BuildFailed

# The Pythons of Debian 12 and 13, and the newest C library that their wheels may want.
GLIBC_MINORS = {"3.11": 36, "3.13": 41}
PYTHONS = tuple(GLIBC_MINORS)
MACHINE = "x86_64"
BUILT_HERE = ("oncalendar",)  # pure Python that publishes no wheel
PIP_SECONDS = 900
_FORMAT = "1"  # another number: all packages are made anew
_OF_THIS_MACHINE = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
_NO_ANSWER = ("Retrying (Retry(", "NewConnectionError", "ConnectTimeout", "ReadTimeout")


def packages_id(requirements: str, python: str) -> str:
    """Return the name of what these requirements come to on a Python: 12 hex digits."""
    said = "\n".join((_FORMAT, python, MACHINE, ",".join(BUILT_HERE), requirements))
    return hashlib.sha256(said.encode()).hexdigest()[:12]


def install(requirements: str, python: str, folder: Path, work: Path) -> None:
    """Fill the folder with the packages, as `site-packages` of that Python on a host."""
    built, ready = _split(requirements)
    (work / "ready.txt").write_text(ready, "utf-8")
    _pip(
        python,
        *("install", "--target", str(folder), "--no-deps", "--no-compile", "--require-hashes"),
        *("--only-binary=:all:", "--implementation=cp", f"--python-version={python}"),
        *(f"--platform={name}" for name in _platforms(python)),
        *("--requirement", str(work / "ready.txt")),
    )
    if built:
        (work / "built.txt").write_text(built, "utf-8")
        _build(python, work / "built.txt", work / "wheels", folder)
    _leave_this_machine_out(folder)


def _split(requirements: str) -> tuple[str, str]:
    """Return the requirements that are built here, and those that have wheels."""
    entries = re.split(r"\n(?=[A-Za-z0-9])", "\n" + requirements)[1:]
    built = [each for each in entries if each.split("==")[0] in BUILT_HERE]
    return "\n".join(built), "\n".join(each for each in entries if each not in built)


def _platforms(python: str) -> list[str]:
    """Return the platforms whose wheels run there; pip takes none but those that are named."""
    names = [f"manylinux_2_{minor}_{MACHINE}" for minor in range(GLIBC_MINORS[python], 4, -1)]
    return [*names, *(f"{name}_{MACHINE}" for name in ("manylinux2014", "manylinux2010"))]


def _build(python: str, requirements: Path, wheels: Path, folder: Path) -> None:
    names = ",".join(BUILT_HERE)
    _pip(
        python,
        *("wheel", "--no-deps", "--require-hashes", f"--no-binary={names}"),
        *("--wheel-dir", str(wheels), "--requirement", str(requirements)),
    )
    for wheel in sorted(wheels.glob("*.whl")):
        if not wheel.name.endswith("-none-any.whl"):
            raise BuildFailed(
                f"{wheel.name} was compiled for this machine and does not fit hosts with Python "
                f"{python}. Pin a version that publishes wheels (make requirements)."
            )
        with zipfile.ZipFile(wheel) as packed:
            packed.extractall(folder)


def _leave_this_machine_out(folder: Path) -> None:
    """Delete what depends on where and by whom the packages were unpacked."""
    shutil.rmtree(folder / "bin", ignore_errors=True)  # they name this machine's Python
    for about in folder.glob("*.dist-info"):
        for name in _OF_THIS_MACHINE:
            (about / name).unlink(missing_ok=True)
        wheel = about / "WHEEL"
        lines = wheel.read_text("utf-8").splitlines(keepends=True)
        wheel.write_text("".join(line for line in lines if not line.startswith("Generator:")))


def _pip(python: str, verb: str, *arguments: str) -> None:
    quiet = ("--quiet", "--no-input", "--disable-pip-version-check")
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip", verb, *quiet, *arguments],
            capture_output=True,
            text=True,
            timeout=PIP_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildFailed(f"pip {verb} did not end within {PIP_SECONDS} s. Try again.") from None
    if done.returncode:
        raise BuildFailed(explained(python, done.stderr))


def explained(python: str, said: str) -> str:
    """Return what pip's last words mean for a release, and what to do."""
    if any(words in said for words in _NO_ANSWER):
        return "The package index does not answer, and not all wheels are here. Try again later."
    if missing := re.search(r"No matching distribution found for (\S+)", said):
        return (
            f"{missing[1]} has no wheel for Python {python} on Linux {MACHINE}. Pin a version "
            "that has one (requirements/base.in, make requirements); if it is pure Python, name "
            "it in BUILT_HERE of ops/release/packages.py, and it is built into a wheel here."
        )
    lines = [line for line in said.splitlines() if line.strip()][-8:]
    return f"pip could not get the packages for Python {python}:\n    " + "\n    ".join(lines)
