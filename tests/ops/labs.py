"""Labs that tests bring up: this is where each gets a prefix of its own, and goes down again."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.errors import LabError
from ops.lab import fleet, needs
from ops.lab.plan import HOSTS, Lab, lab_named

# Says whose lab it is, so that the next run takes down what a killed run left.
_MARK = "made-by-tests-of-process"


@contextmanager
def lab_of_a_test(debian: int = 13) -> Iterator[Lab]:
    """Bring a whole lab up; take it down afterwards, whatever happened."""
    with planned_lab() as lab:
        fleet.up(lab, HOSTS, debian, lambda _: None)
        yield lab


@contextmanager
def planned_lab() -> Iterator[Lab]:
    """Give a lab that nobody has and that is not up yet; take it down afterwards.

    Where no lab can stand, the test is skipped with the reason.
    """
    try:
        needs.check(lab_named("t"))
    except LabError as error:
        pytest.skip(str(error))
    _take_down_forgotten_labs()
    lab = _unused_lab()
    try:
        yield lab
    finally:
        fleet.down(lab)


def _unused_lab() -> Lab:
    taken = {lab_named(_prefix_of(home)).number for home in _homes()}
    while True:
        lab = lab_named(f"t{secrets.token_hex(2)}")
        if lab.number not in taken:
            break
    lab.home.mkdir(parents=True, mode=0o700)
    (lab.home / _MARK).write_text(str(os.getpid()))
    return lab


def _take_down_forgotten_labs() -> None:
    for home in _homes():
        mark = home / _MARK
        if mark.exists() and not Path("/proc", mark.read_text()).exists():
            fleet.down(lab_named(_prefix_of(home)))
            shutil.rmtree(home, ignore_errors=True)


def _homes() -> list[Path]:
    directory = lab_named("t").directory
    return [*directory.glob("lab"), *directory.glob("lab-*")]


def _prefix_of(home: Path) -> str:
    return home.name.removeprefix("lab-")
