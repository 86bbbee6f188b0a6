"""`lab.status`: one line a host."""

from collections.abc import Sequence
from datetime import timedelta

from ops.lab import faults, hosts
from ops.lab.hosts import Condition, State
from ops.lab.plan import HOSTS, Lab, LabHost


def status(lab: Lab) -> list[str]:
    """Return an aligned line for each host, with a title above."""
    wrong = faults.faults_of(lab)
    title = ("HOST", "ROLE", "STATE", "ADDRESS", "UPTIME", "MEMORY", "FAULTS")
    rows = [_row(lab, host, hosts.condition(lab, host), wrong[host.name]) for host in HOSTS]
    return aligned([title, *rows])


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rows as lines with columns of equal width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _row(lab: Lab, host: LabHost, now: Condition, wrong: list[str]) -> tuple[str, ...]:
    is_on = now.state is not State.DEAD
    return (
        host.name,
        host.role or "-",
        now.state,
        lab.address(host),
        str(timedelta(seconds=int(now.uptime_seconds))) if is_on else "-",
        f"{now.memory_bytes // 2**20} MiB" if is_on else "-",
        ", ".join(wrong) or "-",
    )
