"""Fill the session keys of a parcel: from stdin to stdout, where the private key is.

What comes out is a secret: whoever has it can read that backup for twelve hours, and
its files in the store for ever.
"""

import argparse
import sys
from pathlib import Path

from backups import parcel
from backups.errors import RestoreRefused
from backups.progress import say
from backups.unlock import Keyring, unlock


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--gnupg-home", metavar="DIR", type=Path, help="where gpg has the key")
    parser.add_argument("--passphrase-file", metavar="FILE", type=Path, help="what opens it")


def main(arguments: argparse.Namespace) -> int:
    """Unlock it."""
    try:
        locked = parcel.parse(sys.stdin.read())
    except ValueError as error:
        raise RestoreRefused(f"What comes in is no parcel: {error}.") from None
    count = 1 + len(locked.wal)
    if count > 1:
        say(f"{count} objects, each with a session key of its own.")
    opened = unlock(
        locked, Keyring(arguments.gnupg_home, arguments.passphrase_file), lambda _: None
    )
    sys.stdout.write(opened.to_json() + "\n")
    return 0
