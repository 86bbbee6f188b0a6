"""What durability adds to an answer, beside what the disk itself takes: fdatasync and no more.

Added is the median of durable answers less the median of answers that need no disk: the same
receiver, client, rate and directory of checks, asked with an exit status that no ping has.
"""

import json
import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tests.bench.ping.measured import Sample
from tests.bench.ping.open_loop import ANSWER_SECONDS, MOST_CONNECTIONS, at
from tests.bench.ping.processes import (
    ROOT,
    START_SECONDS,
    ending_with_us,
    environment,
    python,
)
from tests.bench.ping.service import Service

RATES = (100, 1_000, 10_000)
FRAME_BYTES = 150  # a ping without a body, as the journal has it
_PREPARED_BYTES = 8 * 2**20


def ask(port: int, paths: Path, rate: float, seconds: float) -> Sample:
    """Ask at a rate (open_loop, in a process of its own); return what was answered."""
    command = python("-m", "tests.bench.ping.open_loop", str(port), str(paths))
    done = subprocess.run(
        [*command, str(rate), str(seconds)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, check=True,
        timeout=seconds + ANSWER_SECONDS + START_SECONDS, preexec_fn=ending_with_us(),
    )  # fmt: skip
    said = json.loads(done.stdout)
    statuses: dict[str, int] = said["by_status"]
    return Sample(
        done=sum(count for status, count in statuses.items() if status in ("200", "400")),
        seconds=seconds,
        p50_ms=said["p50_ms"],
        p99_ms=said["p99_ms"],
        more={"late_p50_ms": said["late_p50_ms"], "late_p99_ms": said["late_p99_ms"]}
        | {f"status {status}": count for status, count in statuses.items()},
    )


def bare(directory: Path, rate: float, seconds: float, *, is_prepared: bool) -> Sample:
    """Write and fdatasync at a rate at most, in the journal's own directory and its sizes.

    Prepared: in a file that has all its bytes already, which spares the disk a change of the
    file's size. What comes while a sync is under way goes into the next, as in the journal.
    """
    path = directory / "bare"
    handle = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
    try:
        if is_prepared:
            os.write(handle, bytes(_PREPARED_BYTES))
            os.fsync(handle)
        times = sorted(_synced(handle, rate, seconds))
    finally:
        os.close(handle)
        path.unlink()
    return Sample(len(times), seconds, p50_ms=1e3 * at(times, 0.5), p99_ms=1e3 * at(times, 0.99))


def _synced(handle: int, rate: float, seconds: float) -> list[float]:
    times: list[float] = []
    offset, due = 0, time.monotonic()
    begin, end = due, due + seconds
    while (now := time.monotonic()) < end:
        if now < due:
            time.sleep(due - now)
            continue
        frames = 1 + int((now - due) * rate)
        due += frames / rate
        begin = time.monotonic()
        offset += os.pwrite(handle, bytes(FRAME_BYTES * frames), offset % _PREPARED_BYTES)
        os.fdatasync(handle)
        times.append(time.monotonic() - begin)
    return times


def measure(
    service: Service, paths: Path, refused: Path, rate: int, seconds: float, name: str = ""
) -> dict[str, Sample]:
    """Return the rows of one rate: bare syncs, answers without a disk, durable answers.

    `name` is put behind the durable row's name, for one that is asked in another situation.
    """
    durable = ask(service.port, paths, rate, seconds)
    wrong = {status for status in durable.more if status.startswith("status ")} - {"status 200"}
    problems = [f"{durable.more[status]:.0f} answers of {status}" for status in sorted(wrong)]
    row = f"durable answers, {rate:,}/s{name}"
    rows = {row: replace(durable, problems=problems)}
    if name:
        return rows
    return {
        f"fdatasync alone, {rate:,}/s": bare(service.data_dir, rate, seconds, is_prepared=True),
        f"fdatasync alone, growing file, {rate:,}/s": bare(
            service.data_dir, rate, seconds, is_prepared=False
        ),
        f"answers without a disk, {rate:,}/s": ask(service.port, refused, rate, seconds),
    } | rows


def most_in_flight(sample: Sample) -> int:
    """Return how many requests may have become pings without an answer that was seen."""
    unseen = sum(count for status, count in sample.more.items() if status.startswith("status "))
    return MOST_CONNECTIONS + int(unseen) - sample.done


def refused_paths(paths: Path, target: Path) -> Path:
    """Write the same checks' paths with an exit status that is refused, without a disk."""
    lines: Sequence[str] = paths.read_text("ascii").split()
    target.write_text("".join(f"{line}/999\n" for line in lines), "ascii")
    return target
