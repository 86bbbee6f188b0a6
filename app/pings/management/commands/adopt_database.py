"""`manage.py adopt_database`: drain into the database that is there, known or not."""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from app.pings.adopting import Found, NothingToAdopt, Outlook, adopt, look


class Command(BaseCommand):
    """Speaks; app.pings.adopting acts."""

    help = (
        "After a restore: show for each journal of this server which pings can be applied again "
        "to the database that DATABASE_URL leads to, and which are gone. With --confirm that "
        "database is the one to drain into, and what can be applied again will be."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument(
            "--confirm", metavar="SYSTEM", help="adopt the database with this system identifier"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look, print, act."""
        try:
            found = look()
            if options["confirm"]:
                adopt(found, options["confirm"])
        except NothingToAdopt as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(asdict(found)))
            return
        lines = [_head(found), *map(_line, found.journals)]
        if not options["confirm"]:
            lines.append(f"Nothing was changed. To adopt it: --confirm {found.system}")
        self.stdout.write("\n".join(lines))


def _head(found: Found) -> str:
    known = "no database" if found.known is None else f"system {found.known}"
    return f"database: system {found.system}, timeline {found.timeline}; drained into: {known}"


def _line(one: Outlook) -> str:
    if one.trouble:
        return f"journal {one.journal}: cannot be drained: {one.trouble}"
    if one.gone == 0:
        gone = "none is gone"
    elif one.gone is None:
        gone = "an unknown number is gone"
    else:
        gone = f"at most {one.gone} are gone"
    since = f" (those since {one.since})" if one.since and one.gone != 0 else ""
    return f"journal {one.journal}: {one.pings} pings can be applied again; {gone}{since}"
