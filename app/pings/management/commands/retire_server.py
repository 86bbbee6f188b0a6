"""`manage.py retire_server NAME`: no alert waits for that server's receivers any more."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from app.pings.retiring import Receiver, StillSpeaks, known_servers, receivers_of, retire


class Command(BaseCommand):
    """Speaks; app.pings.retiring acts."""

    help = (
        "Let no alert wait for the receivers of a server that is gone. Refused while it speaks. "
        "Their positions are kept: should its disk come back, its drain goes on where it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("name", help="its SERVER_NAME")
        parser.add_argument("--check", action="store_true", help="only say what is known of it")
        parser.add_argument("--json", action="store_true", help="print one JSON list")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Act and print."""
        name = options["name"]
        try:
            found = receivers_of(name) if options["check"] else retire(name)
        except StillSpeaks as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps([asdict(one) for one in found], default=str))
        else:
            self.stdout.write("\n".join(map(_line, found)) or _unknown(name))


def _line(one: Receiver) -> str:
    how = "retired" if one.is_retired else "waited for"
    applied = f"{one.applied_before:%Y-%m-%d %H:%M:%S} UTC" if one.applied_before else "never"
    return f"receiver {one.slot}: {how}; what it took before {applied} is applied"


def _unknown(name: str) -> str:
    return f"No receiver of {name} is known. Alerts wait for: {', '.join(known_servers()) or '-'}."
