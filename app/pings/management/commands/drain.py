"""`manage.py drain`: move pings from this server's journals into the database."""

from typing import Any

from django.core.management.base import BaseCommand

from app.parent_death import end_with_parent
from app.pings import drain


class Command(BaseCommand):
    """Run the drain until SIGTERM."""

    requires_system_checks = []  # noqa: RUF012 - a drain that was killed is back at once
    help = "Move pings from this server's journals into the database, until stopped."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Run."""
        end_with_parent()
        drain.run()
