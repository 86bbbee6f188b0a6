"""Take a backup of the database now.

On a primary with a standby there is nothing to do: the standby does it.
"""

import argparse
import contextlib
import json
import sys
from collections.abc import Iterator

from backups import base, dump, sqlite
from backups.layout import Kind
from backups.progress import say
from backups.run import back_up, told
from backups.settings import Settings, path_of, read_settings
from backups.taking import Taking


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command line may have."""
    parser.add_argument("--settings", metavar="FILE", help="the settings' file")
    parser.add_argument("--base", action="store_true", help="all files of the cluster, for --at")
    parser.add_argument("--json", action="store_true", help="print the manifest")


def main(arguments: argparse.Namespace) -> int:
    """Back up."""
    settings = read_settings(path_of(arguments.settings))
    if arguments.base:
        manifest = back_up(settings, Kind.BASE, lambda: base.copying_cluster(settings.source))
    else:
        manifest = back_up(settings, Kind.DUMP, lambda: taking(settings))
    if manifest is None:
        say("Nothing to do: this is a primary, and its standby takes the backups.")
    else:
        say(told(manifest))
    if arguments.json:
        sys.stdout.write(json.dumps(None) if manifest is None else manifest.to_json().decode())
    return 0


@contextlib.contextmanager
def taking(settings: Settings) -> Iterator[Taking]:
    """Return the dump of what the settings name."""
    source = settings.source
    if source.path is not None and source.kind == "sqlite":
        with sqlite.copying(source.path, source.tables, settings.scratch) as copy:
            yield copy
    else:
        with dump.dumping(source) as dumped:
            yield dumped
