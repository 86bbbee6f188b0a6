"""Print the age of the newest verified backup for Prometheus, or leave it in a file.

For node-exporter: --textfile /var/lib/prometheus/node-exporter/stillhere_backups.prom
"""

import argparse
import sys
from pathlib import Path

from backups.errors import SettingsError
from backups.figures import exposition, write
from backups.listing import listing
from backups.settings import path_of, read_settings
from backups.store import Store


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", metavar="FILE", help="the settings' file")
    parser.add_argument("--textfile", metavar="FILE", type=Path, help="replace this file")


def main(arguments: argparse.Namespace) -> int:
    """Print or write the figures."""
    text = exposition(listing(Store(read_settings(path_of(arguments.settings)).store)))
    if arguments.textfile is None:
        sys.stdout.write(text)
        return 0
    try:
        write(arguments.textfile, text)
    except OSError as error:
        raise SettingsError(f"{arguments.textfile} cannot be written: {error.strerror}.") from None
    return 0
