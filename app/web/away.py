"""The database is away, or takes no changes: this is where a page says so, calmly.

A failover takes seconds, and nobody restarts the pages for it. A request whose connection
breaks is tried once more on a new one: what only reads, always; what changes something,
while nothing of it was done yet. Else the person is told what became of it.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError
from django.template.loader import render_to_string

from app.database import is_away

log = logging.getLogger(__name__)

AGAIN_SECONDS = 5
_READING = ("GET", "HEAD", "OPTIONS")
_WRITING = ("INSERT", "UPDATE", "DELETE")

Handler = Callable[[HttpRequest], HttpResponse]


class Away(HttpResponse):
    """What the inside answers when the database is away; `answer_calmly` makes a page of it."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(status=503)
        self.reason = " ".join(str(error).split())


@dataclass(slots=True)
class Progress:
    """How far a request came in the database.

    `written` counts statements that may have changed something: one that the database
    refused is not among them, one whose answer was lost is.
    """

    answered: int = 0
    written: int = 0
    is_broken: bool = False

    def watch(self, execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """Execute a statement, and note it (a wrapper of Django's)."""
        is_writing = sql.lstrip()[:6].upper() in _WRITING
        self.written += is_writing
        try:
            result = execute(sql, *rest)
        except Error as error:
            self.is_broken = is_away(error)
            self.written -= is_writing and _is_refused(error)
            raise
        self.answered += 1
        return result

    def may_be_repeated(self, method: str | None) -> bool:
        """Return True when the request can be tried again. Where none connects, none will."""
        return self.is_broken and (method in _READING or self.answered == self.written == 0)


def answer_calmly(get_response: Handler) -> Handler:
    """Try a request again whose connection broke, and never answer 500 for a database away."""

    def middleware(request: HttpRequest) -> HttpResponse:
        progress = Progress()
        response = _tried(get_response, request, progress)
        if isinstance(response, Away) and progress.may_be_repeated(request.method):
            response = _tried(get_response, request, progress)
        return _page(request, progress) if isinstance(response, Away) else response

    return middleware


def _tried(get_response: Handler, request: HttpRequest, progress: Progress) -> HttpResponse:
    with connection.execute_wrapper(progress.watch):
        response = get_response(request)
    if isinstance(response, Away):
        # Without its path, which may be a link that still works.
        log.warning("page lacks its database method=%s reason=%s", request.method, response.reason)
        with suppress(Error):
            connection.close()
    return response


def _is_refused(error: Error) -> bool:
    """Return True when the database itself has said no, and nothing else broke."""
    cause = error.__cause__
    return bool(getattr(cause, "pgcode", None) or getattr(cause, "sqlite_errorcode", None))


def _page(request: HttpRequest, progress: Progress) -> HttpResponse:
    is_reading = request.method in _READING
    context = {
        "address": request.get_full_path(),
        "is_reading": is_reading,
        "is_unsure": progress.written > 0,
        "fields": () if is_reading or progress.written else _fields(request),
        "again_seconds": AGAIN_SECONDS,
    }
    headers = {"Retry-After": str(AGAIN_SECONDS), "Cache-Control": "no-store"}
    if is_reading:
        headers["Refresh"] = str(AGAIN_SECONDS)
    return HttpResponse(render_to_string("503.html", context), status=503, headers=headers)


def _fields(request: HttpRequest) -> Sequence[tuple[str, str]]:
    """Return what was sent, for a form that sends it again; no password. Forged ones are 403."""
    with suppress(UnreadablePostError):
        if not any("password" in name for name in request.POST):
            return [(name, value) for name, values in request.POST.lists() for value in values]
    return ()
