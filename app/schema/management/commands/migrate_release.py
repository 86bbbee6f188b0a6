"""`manage.py migrate_release`: the step of a deploy that changes tables."""

from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.db.migrations import Migration

from app.schema import migrating


class Command(BaseCommand):
    """Bring the tables to those of this release, while the release before it serves."""

    help = "Migrate beside a running service: expand-only, under a lock, and patiently."
    requires_system_checks: Any = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--check", action="store_true", help="Judge only; change nothing.")
        parser.add_argument(
            "--allow",
            action="append",
            default=[],
            metavar="APP.NAME",
            help="A migration that may run although it does more than expand. May be repeated.",
        )

    def handle(self, *_args: Any, check: bool, allow: list[str], **_options: Any) -> None:
        """Migrate; print a line for each migration, or that there is none."""
        try:
            if connection.vendor != "postgresql":
                self._plainly(check)
            elif check:
                self._judge(set(allow))
            else:
                with migrating.the_lock(self._say):
                    self._migrate(set(allow))
        except migrating.SchemaError as error:
            raise CommandError(str(error)) from error

    def _plainly(self, is_only_checked: bool) -> None:
        """One machine: its processes are down while it migrates."""
        for one in migrating.pending():
            self._say(migrating.name_of(one))
        if not is_only_checked:
            call_command("migrate", interactive=False, verbosity=0)

    def _migrate(self, allowed: set[str]) -> None:
        plan = self._judge(allowed)
        if migrating.is_fresh():
            with migrating.founding():
                migrating.apply(plan, self._say)
        elif plan:
            migrating.apply(plan, self._say)

    def _judge(self, allowed: set[str]) -> list[Migration]:
        """Return what is pending; refuse it whole when a part of it may not run."""
        if unknown := allowed - migrating.known():
            raise CommandError(f"--allow {' '.join(sorted(unknown))}: there is no such migration.")
        plan = migrating.pending()
        refused = [] if migrating.is_fresh() else migrating.judged(plan, allowed)
        if refused:
            lines = "\n".join(f"  {one}" for one in refused)
            raise CommandError(f"Not beside a running service; nothing was changed:\n{lines}")
        for one in plan:
            self._say(f"pending {migrating.name_of(one)}")
        if not plan:
            self._say("The tables are those of this release.")
        return plan

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
