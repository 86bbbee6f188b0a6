"""Back up a database, and get it back: python -m backups COMMAND.

Exit status: 0 done or nothing to do, 1 failed, 2 the command line is wrong.
"""

import argparse
import importlib
import os
import pkgutil
import signal
import sys
from types import FrameType
from typing import NoReturn, Protocol, cast

from backups import commands
from backups.errors import BackupError, Interrupted


class Command(Protocol):
    """What a module of backups.commands has; its docstring's first line is its help."""

    __doc__: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say what the command line may have."""

    def main(self, arguments: argparse.Namespace) -> int:
        """Do it, and return the exit status."""


def main(words: list[str]) -> int:
    """Run one command."""
    os.umask(0o077)  # what is decrypted, and what we know of the store, is private
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    names = sorted(one.name for one in pkgutil.iter_modules(commands.__path__))
    arguments = _parser(names, words).parse_args(words)
    try:
        return _command(arguments.command).main(arguments)
    except BackupError as error:
        sys.stderr.write(f"{error}\n")
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
    return 1


def _parser(names: list[str], words: list[str]) -> argparse.ArgumentParser:
    """Return a parser. It loads the one command that is wanted, or all to tell of them."""
    parser = argparse.ArgumentParser(prog="python -m backups", description=__doc__)
    named = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in [name for name in names if name in words[:1]] or names:
        command = _command(name)
        meaning = command.__doc__.partition("\n")[0]
        one = named.add_parser(name, help=meaning, description=meaning)
        command.add_arguments(one)
    return parser


def _command(name: str) -> Command:
    return cast("Command", importlib.import_module(f"backups.commands.{name}"))


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    raise Interrupted(f"Ended by {signal.Signals(number).name}.")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
