"""gunicorn's settings for the pages of one machine, behind the receiver's relay."""

from typing import Any

from app import settings
from app.parent_death import end_with_parent

bind = f"unix:{settings.RUN_DIR}/pages.sock"
umask = 0o077
worker_class = "gthread"
workers = 1
threads = 8
graceful_timeout = 2  # seconds; the supervisor waits for 3
timeout = 60
# One warning for each HEAD request would hide the rest.
loglevel = "error"
control_socket_disable = True
# Whoever may open the socket is the receiver, which sets these headers anew.
forwarded_allow_ips = "*"
# It sets no SCRIPT_NAME: a client that says one is not believed.
forwarder_headers = ""


def on_starting(_server: Any) -> None:
    """End with the supervisor."""
    end_with_parent()


def post_fork(_server: Any, worker: Any) -> None:
    """End with gunicorn's master."""
    end_with_parent(worker.ppid)
