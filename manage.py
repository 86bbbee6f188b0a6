#!/usr/bin/env python
"""Run one of the application's commands: `manage.py help` lists them."""

import os
import sys

from app import deploy_checks, env

if __name__ == "__main__":
    os.umask(0o077)  # what a command makes in the data directory is private
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")
    deploy_checks.register()
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except env.SettingError as error:
        sys.exit(str(error))
