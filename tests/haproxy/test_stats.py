"""What a real HAProxy reports, read."""

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from haproxy.keep_state import configured, kept
from haproxy.stats import STAT, STATE, Admin, NotUnderstood, Report, reports
from ops.agent import balancing
from tests.ports import free_port

CONFIG = """
global
    stats socket {socket} mode 600 level admin
defaults
    mode tcp
    timeout client 5s
    timeout server 5s
    timeout connect 1s
backend jobs
    option tcp-check
    tcp-check connect comment "first, the door"
    server 007 127.0.0.1:{port} check inter 100ms fall 1 rise 1
    server calm 127.0.0.1:{port}
"""


@pytest.fixture
def answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the configuration of a HAProxy that runs, has one server that is down, and answers."""
    config, socket = tmp_path / "haproxy.cfg", tmp_path / "admin.sock"
    config.write_text(CONFIG.format(socket=socket, port=free_port()), "utf-8")
    monkeypatch.setattr(balancing, "HAPROXY", str(socket))
    with running_haproxy(config):
        yield config


@contextmanager
def running_haproxy(config: Path) -> Iterator[None]:
    program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if not program:
        pytest.fail("HAProxy is not installed. As root, `make setup` installs it.")
    process = subprocess.Popen([program, "-db", "-q", "-f", str(config)])
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)


def seen() -> dict[str, Report]:
    answered = balancing.haproxy([STAT, STATE])["answers"]
    return {one.server: one for one in reports(*answered)}


def seen_down() -> dict[str, Report]:
    deadline = time.monotonic() + 10
    while not (found := seen())["007"].status.startswith("DOWN"):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_a_comma_in_what_a_check_says_is_no_border(answers: Path) -> None:
    found = seen_down()
    assert list(found) == ["007", "calm"]
    down, unwatched = found.values()
    assert (down.backend, down.server) == ("jobs", "007")
    assert down.check.startswith("L4CON: ")
    assert "'first, the door'" in down.check
    assert not down.is_as_wanted
    assert (down.sessions, unwatched.status, unwatched.check) == (0, "no check", "")
    assert 0 <= down.since_seconds < 30
    assert unwatched.is_as_wanted


@pytest.mark.parametrize(
    ("word", "admin"),
    [("drain", Admin.DRAIN), ("maint", Admin.MAINTENANCE), ("ready", Admin.READY)],
)
def test_an_operators_word_is_read_back(answers: Path, word: str, admin: Admin) -> None:
    balancing.haproxy([f"set server jobs/calm state {word}"])
    calm = seen()["calm"]
    assert calm.admin is admin
    assert calm.is_as_wanted
    assert calm.is_serving is (admin is Admin.READY)


def test_a_servers_state_is_kept_while_its_address_is_the_same(answers: Path) -> None:
    (state,) = balancing.haproxy([STATE])["answers"]
    config = answers.read_text("utf-8")
    whole = kept(state, configured(config))
    assert whole == "".join(f"{line}\n" for line in state.splitlines() if line)
    assert whole.startswith("1\n# be_id ")
    (port,) = {port for _, port in configured(config).values()}
    for changed in (
        config.replace(f":{port} check", ":1 check"),
        config.replace(f"127.0.0.1:{port} check", f"127.0.0.2:{port} check"),
        config.replace("server 007", "server 008"),
    ):
        rest = kept(state, configured(changed))
        assert " 007 " not in rest
        assert " calm " in rest


@pytest.mark.parametrize(
    "said", ["", "Unknown command: 'show stat'\n", "# pxname,svname\njobs,a\n"]
)
def test_what_is_no_statistics_is_an_error(said: str) -> None:
    with pytest.raises(NotUnderstood, match="No statistics"):
        reports(said, "1\n# be_id\n")


def test_a_line_that_is_cut_is_an_error(answers: Path) -> None:
    stat, state = balancing.haproxy([STAT, STATE])["answers"]
    with pytest.raises(NotUnderstood, match="is cut"):
        reports(stat[: stat.rindex("jobs,calm") + 20], state)
    with pytest.raises(NotUnderstood, match="No state"):
        reports(stat, "Permission denied\n")


def test_reading_leaves_the_programs_logging_alone(answers: Path) -> None:
    stat, state = balancing.haproxy([STAT, STATE])["answers"]
    program = (
        "import logging, sys; from haproxy.stats import reports; "
        "reports(*sys.argv[1:]); sys.exit(len(logging.root.handlers))"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", program, stat, state], cwd=root).returncode == 0
