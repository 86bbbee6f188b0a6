"""`manage.py bootstrap`: access to a project, for programs and for the first minute."""

import json
from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from app.run.bootstrap import FIRST_PROJECT, Access, bootstrap


class Command(BaseCommand):
    """Speaks; app.run.bootstrap acts."""

    help = "Make a user, a project and its keys, and print how to use them. Keys are shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the options."""
        parser.add_argument("--email", required=True, help="the owner of the project")
        parser.add_argument("--project", default=FIRST_PROJECT, help="its name")
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument("--new-keys", action="store_true", help="revoke the keys, make others")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Check what was typed, act, print."""
        email, name = options["email"].strip(), options["project"].strip()
        try:
            validate_email(email)
        except ValidationError:
            raise CommandError(f"--email {email!r} is not an e-mail address.") from None
        if not 0 < len(name) <= 100:
            raise CommandError("--project has to have 1 to 100 characters.")
        _require_migrated()
        access = bootstrap(email, name, timezone.now(), new_keys=options["new_keys"])
        self.stdout.write(_as_json(access) if options["json"] else _as_text(access))


def _require_migrated() -> None:
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise CommandError("The database is not up to date. Run `manage.py migrate` first.")


def _as_json(access: Access) -> str:
    return json.dumps(asdict(access) | {"project": str(access.project)})


def _as_text(access: Access) -> str:
    values = asdict(access)
    lines = [f"{name:17} {values[name] or 'shown before'}" for name in values]
    if None in values.values():
        lines.append("Keys are shown once; --new-keys revokes them and makes others.")
    return "\n".join(lines)
