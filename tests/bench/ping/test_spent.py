"""CPU time and memory by process, as /proc has them."""

import os
import subprocess
import sys
from pathlib import Path

from tests.bench.ping.spent import (
    BACKENDS,
    BACKGROUND,
    Stat,
    between,
    memory,
    parse_stat,
    spent,
    tally,
)

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"


def test_a_line_is_read_whatever_the_command_is_called() -> None:
    line = "42 (a) b (c) S 7 1 1 0 -1 0 0 0 0 0 150 50 30 20 20 0 1 0"
    assert parse_stat(line, ticks=100) == Stat(42, 7, 2.0, 0.5)


def test_descendants_belong_to_the_process_that_was_named() -> None:
    stats = [Stat(10, 1, 1.0, 0.5), Stat(11, 10, 2.0, 0), Stat(12, 11, 4.0, 0), Stat(20, 1, 8.0, 0)]
    assert tally(stats, {"gunicorn": 10}, {}) == {"gunicorn": 7.5}


def test_backends_are_told_from_what_works_in_the_background() -> None:
    stats = [
        Stat(10, 1, 1.0, 16.0),  # the postmaster, with the connections that were closed
        Stat(11, 10, 2.0, 0),
        Stat(12, 10, 4.0, 0),
        Stat(13, 10, 8.0, 0),  # our own
    ]
    commands = {
        11: b"postgres: stillhere checks [local] idle",
        12: b"postgres: walwriter ",
        13: b"postgres: stillhere checks [local] SELECT",
    }
    found = tally(stats, {"postgresql": 10}, commands, without=[13])
    assert found == {BACKENDS: 18.0, BACKGROUND: 5.0}


def test_only_what_was_spent_between_two_readings_counts() -> None:
    assert between({"drain": 3.0}, {"drain": 5.0, "receiver": 1.0}) == {"drain": 2, "receiver": 1}


def test_a_real_process_is_charged_with_what_its_children_have_spent() -> None:
    """One child has ended, one is there: neither is forgotten."""
    program = (
        "import subprocess, sys\n"
        f"subprocess.run([sys.executable, '-c', {BURN!r}], check=True)\n"
        f"child = subprocess.Popen([sys.executable, '-c', {BURN + 'print(flush=True); input()'!r}],"
        " stdout=subprocess.PIPE, stdin=subprocess.PIPE)\n"
        "child.stdout.readline(); print(flush=True); input(); child.communicate(b'\\n')\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        found = spent({"burner": process.pid})
        held = memory({"burner": process.pid})
        process.communicate(b"\n")
    assert 0.55 < found["burner"] < 5
    own = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    assert 1 < held["burner"].pss_mb <= held["burner"].rss_mb < own + 1_000
