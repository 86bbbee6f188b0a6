"""What HAProxy reports of its servers: this is where its answers become values.

On haproxy-stats, whose rows give numbers as numbers. Not taken from it: it reads by
HTTP only (we ask by the runtime socket), splits lines at commas inside quotes, turns
a failure into an empty answer, takes a server named 7 for a number, and configures the
logging of the whole program when it is imported.
"""

import csv
import importlib
import io
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

STAT, STATE = "show stat", "show servers state"  # the commands whose answers are read here

# Bits of srv_admin_state that an operator sets; the others say where it came from.
_FORCED_MAINTENANCE, _FORCED_DRAIN = 0x01, 0x08
_ERRORS = ("hrsp_5xx", "econ", "eresp")
_AGGREGATES = ("FRONTEND", "BACKEND")


class NotUnderstood(ValueError):
    """HAProxy's answer is none that we know; the text says what came instead."""


class Admin(StrEnum):
    """What an operator wants of a server; the words of `set server ... state`."""

    READY = "ready"
    DRAIN = "drain"
    MAINTENANCE = "maint"


@dataclass(frozen=True, slots=True)
class Report:
    """One server as one balancer sees it.

    `status` is HAProxy's word: UP, DOWN, DRAIN, MAINT, NOLB, or "UP 1/3" on the way
    down. `check` is the last health check's result and what the server said.
    `since_seconds`: how long ago the status changed. `requests` and `errors` count
    from HAProxy's start; errors are answers 5xx, connections that were refused, and
    answers that broke off.
    """

    backend: str
    server: str
    status: str
    admin: Admin
    check: str
    sessions: int
    since_seconds: int
    requests: int
    errors: int

    @property
    def is_serving(self) -> bool:
        """New requests may go there."""
        return self.status.split()[0] in ("UP", "no")  # "no check" is not watched

    @property
    def is_as_wanted(self) -> bool:
        """It serves, or an operator took it out."""
        return self.is_serving or self.admin is not Admin.READY


def reports(stat: str, state: str) -> tuple[Report, ...]:
    """Return all servers, by the answers to STAT and STATE. NotUnderstood when they are none."""
    admins = _admins(state)
    return tuple(_report(row, admins) for row in _rows(stat) if row["svname"] not in _AGGREGATES)


def _report(row: dict[str, str], admins: dict[tuple[str, str], Admin]) -> Report:
    key = (row["pxname"], row["svname"])
    numbers = _service()(list(row), list(row.values()), "")
    return Report(
        *key,
        status=row["status"],
        admin=admins.get(key, Admin.READY),
        check=_check(row),
        sessions=numbers.scur or 0,
        since_seconds=numbers.lastchg or 0,
        requests=numbers.stot or 0,
        errors=sum(getattr(numbers, name) or 0 for name in _ERRORS),
    )


def _rows(stat: str) -> Iterator[dict[str, str]]:
    """Yield the lines of `show stat` as texts by name of the field."""
    lines = csv.reader(io.StringIO(stat.lstrip("# ")))
    fields = [field for field in next(lines, []) if field]
    if not {"pxname", "svname", "status", "last_chk"} <= set(fields):
        raise NotUnderstood(f"No statistics, but {stat.strip()[:80]!r}.")
    for values in lines:
        if len(values) < len(fields):
            if values:
                raise NotUnderstood(f"A line of statistics is cut: {','.join(values)[:80]!r}.")
            continue
        yield dict(zip(fields, values, strict=False))


def _check(row: dict[str, str]) -> str:
    """Return "L7STS 503: HTTP status check returned code <503>"; "" when nobody checks."""
    result = " ".join(filter(None, (row["check_status"], row["check_code"])))
    return ": ".join(filter(None, (result, row["last_chk"])))


def _admins(state: str) -> dict[tuple[str, str], Admin]:
    lines = state.splitlines()
    if len(lines) < 2 or not lines[1].startswith("# "):
        raise NotUnderstood(f"No state of servers, but {state.strip()[:80]!r}.")
    fields = lines[1].removeprefix("# ").split(" ")
    found = {}
    for line in filter(None, lines[2:]):
        row = dict(zip(fields, line.split(" "), strict=False))
        found[row["be_name"], row["srv_name"]] = _admin(int(row["srv_admin_state"]))
    return found


def _admin(bits: int) -> Admin:
    if bits & _FORCED_MAINTENANCE:
        return Admin.MAINTENANCE
    return Admin.DRAIN if bits & _FORCED_DRAIN else Admin.READY


def _service() -> Any:
    """Return the package's class of a row, imported without its `logging.basicConfig`."""
    # That does nothing where the root logger has a handler.
    handler = logging.NullHandler()
    logging.root.addHandler(handler)
    try:
        return importlib.import_module("haproxystats").HAProxyService
    finally:
        logging.root.removeHandler(handler)
