"""`manage.py lost_checks`: checks that a failover has lost, and the pings that wait for them."""

import json
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser

from app.pings.lost_checks import LostCheck, NotLost, drop, lost_checks


class Command(BaseCommand):
    """Speaks; app.pings.lost_checks looks and acts."""

    help = "List checks whose rows a failover has lost, by the pings that are kept for them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--json", action="store_true", help="print one JSON list")
        parser.add_argument(
            "--drop", type=UUID, metavar="CODE",
            help="delete this one for good, with its pings: nobody wants it back",
        )  # fmt: skip

    def handle(self, *_args: Any, **options: Any) -> None:
        """Look and print, or drop one."""
        if options["drop"]:
            self._drop(options["drop"])
            return
        found = list(lost_checks())
        if options["json"]:
            self.stdout.write(json.dumps([_plain(one) for one in found]))
        else:
            self.stdout.write("\n".join(map(_line, found)) or "No check is lost.")

    def _drop(self, code: UUID) -> None:
        try:
            count = drop(code)
        except NotLost as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"check {code} is deleted, with {_pings(count)}")


def _plain(one: LostCheck) -> dict[str, Any]:
    times = {"first_at": one.first_at, "last_at": one.last_at}
    said = {name: at.isoformat() if at else None for name, at in times.items()}
    return {"code": str(one.code), "pings": one.pings, **said}


def _line(one: LostCheck) -> str:
    times = " to ".join(
        f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "?" for at in (one.first_at, one.last_at)
    )
    return f"check {one.code}: {_pings(one.pings)} kept, {times}"


def _pings(count: int) -> str:
    return "1 ping" if count == 1 else f"{count} pings"
