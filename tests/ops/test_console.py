"""How an operator is spoken to, on a terminal and off it."""

import io
import sys
import threading
import time

import pytest

from ops.changes import Change, Verb
from ops.console import Console, counting


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("out", "err", "environment", "is_coloured"),
    [
        (Terminal(), Terminal(), {}, True),
        (Terminal(), Terminal(), {"NO_COLOR": "1"}, False),
        (io.StringIO(), Terminal(), {}, False),  # fab plan > plan.txt
        (Terminal(), io.StringIO(), {}, False),
    ],
)
def test_only_a_terminal_gets_colours(
    monkeypatch: pytest.MonkeyPatch,
    out: io.StringIO,
    err: io.StringIO,
    environment: dict[str, str],
    is_coloured: bool,
) -> None:
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    line = Console(environment).change("app1", Change("file /etc/motd", Verb.CREATE), 4)
    assert ("\x1b" in line) == is_coloured


class Slow(Console):
    """A console that takes its time for all but the last word."""

    words: list[str]

    def progress(self, text: str) -> None:
        time.sleep(0.05 if text else 0)
        self.words.append(text)


def test_the_progress_line_is_gone_when_all_hosts_are_done() -> None:
    console = Slow({})
    console.words = []
    one_more = counting(console, "Reading", ["a", "b", "c"])
    threads = [threading.Thread(target=one_more) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert console.words[-2:] == ["Reading 2 of 3 hosts", ""]
