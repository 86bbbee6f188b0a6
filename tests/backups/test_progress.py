"""What a person sees of long work."""

import io

from backups.progress import Progress, size


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_a_bar_that_ends() -> None:
    seconds = iter(range(100))
    terminal = Terminal()
    progress = Progress("restore", 4 * 2**20, terminal, lambda: next(seconds))
    for _ in range(4):
        progress.add(2**20)
    progress.close()
    last = terminal.getvalue().split("\r")[-1]
    assert last.startswith("restore  [########################] 100%  4.0 MiB")
    assert last.endswith("\n")


def test_without_a_total_there_is_no_bar() -> None:
    terminal = Terminal()
    progress = Progress("dump", 0, terminal, lambda: 1.0)
    progress.close()
    assert "[" not in terminal.getvalue().removesuffix("\x1b[K\n")


def test_what_is_no_terminal_gets_nothing() -> None:
    stream = io.StringIO()
    progress = Progress("dump", 10, stream)
    progress.add(10)
    progress.close()
    assert stream.getvalue() == ""


def test_sizes_are_in_powers_of_1024() -> None:
    assert [size(one) for one in (0, 1023, 1024, 3 * 2**30 // 2, 2**40)] == [
        "0 B",
        "1023 B",
        "1.0 KiB",
        "1.5 GiB",
        "1.0 TiB",
    ]
