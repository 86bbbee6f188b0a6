"""Bring the database up to date before the processes start, and found what is missing."""

import os

import django
from django.core.management import call_command

from app.parent_death import end_with_parent

FIRST_EMAIL = "you@localhost"


def main() -> None:
    """Migrate; in an empty database make the first user, project and check."""
    end_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")
    django.setup()
    from django.conf import settings

    from app.run.first_run import found_first

    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)  # whitenoise warns without it
    call_command("migrate", verbosity=0, interactive=False)
    found_first(FIRST_EMAIL)


if __name__ == "__main__":
    main()
