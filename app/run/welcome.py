"""Wait until the service answers, then say how to begin. Runs once under the supervisor."""

import contextlib
import http.client
import os
import sys
import time

from app.parent_death import end_with_parent

PATIENCE_SECONDS = 60


def main() -> None:
    """Print the greeting as soon as the sign-in page answers."""
    end_with_parent()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app.settings")
    import django

    django.setup()
    from django.conf import settings
    from django.utils import timezone

    from app.run.first_run import greeting
    from app.run.port import own_address

    if is_answering(own_address(settings.HOST), settings.PORT):
        sys.stdout.write(f"\n{greeting(timezone.now())}\n\n")
    else:
        sys.exit(f"The pages do not answer within {PATIENCE_SECONDS} s; the reason is above.")


def is_answering(address: str, port: int) -> bool:
    """Wait for an answer of the pages that is not an error; False when none came."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection(address, port, timeout=5)
            connection.request("GET", "/sign-in/", headers={"Host": "localhost"})
            if connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR:
                return True
        time.sleep(0.1)
    return False


if __name__ == "__main__":
    main()
