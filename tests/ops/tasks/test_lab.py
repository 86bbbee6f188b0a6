import pytest
from fabric.config import Config
from fabric.executor import Executor
from fabric.main import Fab
from invoke.collection import Collection

from ops.lab.plan import Lab
from ops.tasks import lab as tasks


def test_a_refusal_is_a_sentence_and_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert _fab("lab.status", "--prefix", "no-good") == 1
    assert "1 to 6 characters" in capsys.readouterr().err


@pytest.mark.lab
def test_a_host_that_is_not_there_is_told_which_there_are(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fab("lab.cut", "db9", "--prefix", lab.prefix) == 1
    assert "It has lb1, lb2" in capsys.readouterr().err


@pytest.mark.lab
def test_every_fault_can_be_made_and_mended_by_its_task(
    troubled_lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = ("--prefix", troubled_lab.prefix)
    for words in (
        ("lab.loss", "app1", "20"),
        ("lab.delay", "app1", "15"),
        ("lab.cut", "app1"),
        ("lab.block", "app1", "db1"),
        ("lab.kill", "db2"),
        ("lab.status",),
    ):
        assert _fab(*words, *prefix) == 0
    shown = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    for fault in ("cut", "delay 15 ms", "blocked db1", "loss 20 %"):
        assert fault in shown["app1"]
    assert shown["db2"].split()[2] == "dead"
    for words in (("lab.uncut", "app1"), ("lab.clear",), ("lab.start", "db2"), ("lab.status",)):
        assert _fab(*words, *prefix) == 0
    assert all(line.endswith("-") for line in capsys.readouterr().out.splitlines()[1:])


@pytest.mark.lab
def test_a_number_that_is_none_changes_nothing(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fab("lab.loss", "app1", "much", "--prefix", lab.prefix) == 1
    assert "whole number" in capsys.readouterr().err


@pytest.mark.lab
def test_run_gives_output_and_exit_code_of_the_command(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fab("lab.run", "db1", "hostname; exit 3", "--prefix", lab.prefix) == 3
    assert capsys.readouterr().out == "db1\n"


def _fab(*words: str) -> int:
    """Run tasks as `fab` does and return its exit code."""
    program = Fab(namespace=Collection(tasks), config_class=Config, executor_class=Executor)
    try:
        program.run(["fab", *words])
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0
