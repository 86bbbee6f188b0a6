"""Torture the ping path, and count what was lost.

    python -m tests.torture [--case NAME] [--json FILE] [--seed NUMBER]

Prints a table for docs/benchmarks.md. Exit status 1 when anything was lost or doubled, or
when a case shows another fault.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from tests.e2e.commands import ROOT
from tests.torture.case import Result, play
from tests.torture.cases import CASES

_COLUMNS = ("acknowledged", "lost", "doubled", "destroyed", "corrupt_reported", "seconds")


def main() -> int:
    """Play the cases that are asked for; return the exit status."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    asked = _arguments()
    cases = [case for case in CASES if asked.case in ("", case.name)]
    results = []
    for case in cases:
        if case.needs_root and os.geteuid() != 0:
            results.append(Result(case.name, 0.0, faults=["needs root"]))
        else:
            _say(f"{case.name} ...")
            results.append(play(case, asked.seed))
        _tell(results[-1])
    print(table(results))  # noqa: T201
    if asked.json:
        Path(asked.json).write_text(_as_json(results), "utf-8")
    return int(any(result.faults for result in results))


def table(results: Sequence[Result]) -> str:
    """Return the results as a table in Markdown."""
    lines = [
        f"| case | {' | '.join(name.replace('_', ' ') for name in _COLUMNS)} | |",
        f"|---|{'---:|' * len(_COLUMNS)}---|",
    ]
    for result in results:
        row = result.as_row()
        cells = [f"{row[name]:,}" for name in _COLUMNS]
        verdict = "failed" if result.faults else "passed"
        lines.append(f"| {result.name} | {' | '.join(cells)} | {verdict} |")
    return "\n".join(lines)


def _tell(result: Result) -> None:
    for fault in result.faults:
        _say(f"  {fault}")
    if result.faults and "logs" in result.notes:
        _say(str(result.notes["logs"]))
    _say(f"{result.name}: {'failed' if result.faults else 'passed'}, {result.seconds:.0f} s")


def _as_json(results: Sequence[Result]) -> str:
    rows = [
        {key: value for key, value in result.as_row().items() if key != "logs"}
        for result in results
    ]
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    said = {"cases": rows, "commit": commit, "date": datetime.now(UTC).isoformat("T", "seconds")}
    return json.dumps(said, indent=1) + "\n"


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make torture")
    names = [case.name for case in CASES]
    parser.add_argument("--case", default="", choices=["", *names], metavar="NAME",
                        help=f"only this one: {', '.join(names)}")  # fmt: skip
    parser.add_argument("--json", default="", metavar="FILE")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:  # everything that was started is gone by now
        sys.exit(130)
