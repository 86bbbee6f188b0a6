"""`manage.py backlog`: what lies in this server's journals and is not in the database yet."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from app.pings.backlog import Backlog, backlogs


class Command(BaseCommand):
    """Speaks; app.pings.backlog looks."""

    help = "Count the pings in this server's journals that are not in the database yet."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look and print."""
        found = backlogs()
        if options["json"]:
            self.stdout.write(json.dumps([asdict(one) for one in found]))
        else:
            self.stdout.write("\n".join(map(_line, found)) or "There is no journal here.")


def _line(one: Backlog) -> str:
    aside = f", {one.aside} put aside" if one.aside else ""
    if one.trouble:
        return f"journal {one.journal}: stuck{aside}: {one.trouble}"
    count = "1 ping" if one.pings == 1 else f"{one.pings} pings"
    return f"journal {one.journal}: {count}, {one.size_bytes} bytes{aside}"
