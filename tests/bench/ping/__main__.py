"""`make bench-ping`: measure, print Markdown on stdout, write JSON where it is asked for.

    python -m tests.bench.ping [--json FILE] [--full] [--runs 5] [--seconds 4] [--checks 100000]

It asserts nothing. Exit 1 when a row is marked: a request failed, or a ping was lost or doubled.
"""

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from app.pings.segment import write_whole
from tests.bench.ping import bounds, measured, table, turns
from tests.bench.ping.databases import settings_of_postgresql
from tests.bench.ping.durability import RATES
from tests.bench.ping.processes import ROOT, BenchError
from tests.postgresql import ClusterError

MILLION = 1_000_000
# On many machines the usual directory for temporary files is memory, and has no disk to wait for.
_ON_A_DISK = "/var/tmp"  # noqa: S108 - a directory of our own is made in it


def main(arguments: list[str]) -> int:
    """Run as asked; return the exit status."""
    asked = _parser().parse_args(arguments)
    tempfile.tempdir = os.environ.get("TMPDIR", _ON_A_DISK)
    options = turns.Options(
        seconds=asked.seconds,
        runs=asked.runs,
        checks=asked.checks,
        few=max(asked.checks // 100, 1),
        many=MILLION if asked.full else 0,
        rates=tuple(map(int, asked.rates.split(","))),
    )
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # our processes end, files go
    began = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="stillhere-bench-") as directory:
            runs = _runs(options, Path(directory))
    except (BenchError, ClusterError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    about = _about(options, (time.monotonic() - began) / 60)
    return _tell(about, options, runs, asked.json)


def _runs(options: turns.Options, directory: Path) -> list[measured.Run]:
    with turns.prepared(options, directory) as bench:
        return [turns.run(bench, number) for number in range(1, options.runs + 1)]


def _tell(
    about: dict[str, str], options: turns.Options, runs: list[measured.Run], file: Path | None
) -> int:
    rows = measured.rows(runs)
    others = [count for count in (options.few, options.many) if count]
    promises, by_name = bounds.ratios(runs, options.checks, others, options.rates)
    durability = {str(rate): bounds.durability(runs, rate) for rate in options.rates}
    lines = [f"{name}: {said}  " for name, said in about.items()]
    print(table.page(lines, rows, promises, durability))
    if file is not None:
        said = {"rows": [row.as_json() for row in rows], "ratios": by_name, "about": about}
        write_whole(file.absolute(), json.dumps(said, indent=1).encode())
    return 1 if any(row.problems for row in rows) else 0


def _about(options: turns.Options, minutes: float) -> dict[str, str]:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    ).stdout.strip()  # fmt: skip
    asked = asdict(options)
    return {
        "Date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {minutes:.0f} minutes",
        "Commit": commit,
        "Machine": f"{os.cpu_count()} processors, {_memory_gb():.0f} GB, Linux "
        f"{platform.release()}, Python {platform.python_version()}, files on {_file_system()}",
        "Runs": f"median of {options.runs} alternating runs, {asked['seconds']:g} s of load a row, "
        f"{options.checks:,} checks",
        "PostgreSQL": ", ".join(settings_of_postgresql()),
    }


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9


def _file_system() -> str:
    command = ["stat", "--file-system", "--format=%T", tempfile.gettempdir()]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.ping")
    parser.add_argument("--json", type=Path, help="write rows and ratios here")
    parser.add_argument("--full", action="store_true", help="also a million checks")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4.0, help="of load, for each row")
    parser.add_argument("--checks", type=int, default=100_000)
    parser.add_argument("--rates", default=",".join(map(str, RATES)), help="of durable answers")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
