"""`manage.py notifier`: the process that judges silence and sends alerts."""

import fcntl
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from app.alerts.notifier import Notifier
from app.parent_death import end_with_parent

log = logging.getLogger(__name__)

WAIT_FOR_LOCK_SECONDS = 5.0


class Command(BaseCommand):
    """Run the notifier until SIGTERM or SIGINT."""

    help = "Declares silent checks down and sends the alerts. One on each server."
    requires_system_checks: Any = ()

    def handle(self, **_options: Any) -> None:
        """Run it. At most 1.5 s after SIGTERM the process ends with 0."""
        end_with_parent()
        lock = _lock(settings.RUN_DIR / "notifier.lock")
        notifier = Notifier(settings.SERVER_NAME, settings.NOTIFIER_WORKERS)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: notifier.stop())
        log.info("notifier started workers=%d", settings.NOTIFIER_WORKERS)
        is_done = notifier.run()
        log.info("notifier stopped unfinished=%d", not is_done)
        lock.close()
        if not is_done:
            # A thread that is still sending would be cut off inside libcurl or
            # OpenSSL by an orderly exit, and that may crash.
            logging.shutdown()
            sys.stderr.flush()
            os._exit(0)


def _lock(path: Path) -> IO[bytes]:
    """Return the held lock: two notifiers on one server would free each other's leases."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("ab")
    deadline = time.monotonic() + WAIT_FOR_LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                file.close()
                message = f"Another notifier runs with {path}. Stop it first."
                raise CommandError(message) from None
            time.sleep(0.1)
        else:
            return file
