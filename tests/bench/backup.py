"""Measure `python -m backups run` against a shell pipeline on the same data, in turns.

    python -m tests.bench.backup [--sizes 50,500,2000] [--runs 3] [--json FILE]

Sizes are megabytes of rows. PostgreSQL, gpg and S3 (SeaweedFS, with its disk) are real and
share this machine. The pipeline is `pg_dump -Fc | gpg --encrypt > file`, for the same keys
and without compressing twice, as ours. It asserts nothing: ratios and peaks are printed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from tests.architecture.tree import ROOT
from tests.backups.keys import key_pair
from tests.backups.places import connection_to, conninfo_of, write_settings
from tests.postgresql import running_cluster
from tests.s3 import WRITER, running_server

MB = 10**6
_ON_A_DISK = "/var/tmp"  # noqa: S108 - directories of our own are made in it
_EVERY_SECONDS = 0.05
_NAMES = {"python": "python", "pg_dump": "pg_dump", "gpg": "gpg"}


@dataclass(slots=True)
class Turn:
    """One run: how long it took, and per program its peak of memory (bytes) and its CPU (s)."""

    seconds: float = 0
    peaks: dict[str, int] = field(default_factory=dict)
    cpu: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured with one size."""

    megabytes: int
    dump_bytes: int
    ours: Sequence[Turn]
    pipeline: Sequence[Turn]

    @property
    def ratio(self) -> float:
        """Return our throughput by the pipeline's, the median of pairs of turns."""
        pairs = zip(self.pipeline, self.ours, strict=True)
        return statistics.median(them.seconds / us.seconds for them, us in pairs)

    def peak(self, program: str) -> int:
        """Return the most memory that the program had in any turn."""
        return max(turn.peaks.get(program, 0) for turn in self.ours)

    def cpu(self, program: str) -> float:
        """Return the program's CPU time in ours, its median."""
        return statistics.median(turn.cpu.get(program, 0) for turn in self.ours)


def main(words: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="50,500,2000", help="megabytes, with commas")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args(words)
    tempfile.tempdir = os.environ.get("TMPDIR", _ON_A_DISK)
    sizes = [int(one) for one in asked.sizes.split(",")]
    with tempfile.TemporaryDirectory(prefix="stillhere-bench-") as directory:
        rows = list(_rows(Path(directory), sizes, asked.runs))
    if asked.json:
        about = [asdict(row) | {"ratio": row.ratio} for row in rows]
        asked.json.write_text(json.dumps(about, indent=1) + "\n")
    print(table(rows))
    return 0


def table(rows: Sequence[Row]) -> str:
    """Return Markdown."""
    lines = [
        "| rows | encrypted | ours | pipeline | throughput, ours by pipeline "
        "| peak MB: Python, pg_dump, gpg | CPU s: Python, pg_dump, gpg |",
        "|---:|---:|---:|---:|---:|---|---|",
    ]
    for row in rows:
        ours = statistics.median(turn.seconds for turn in row.ours)
        pipeline = statistics.median(turn.seconds for turn in row.pipeline)
        peaks = ", ".join(f"{row.peak(name) / MB:.1f}" for name in _NAMES)
        cpu = ", ".join(f"{row.cpu(name):.1f}" for name in _NAMES)
        lines.append(
            f"| {row.megabytes} MB | {row.dump_bytes / MB:.0f} MB | {ours:.1f} s "
            f"| {pipeline:.1f} s | {row.ratio:.2f} | {peaks} | {cpu} |"
        )
    return "\n".join(lines)


def _rows(directory: Path, sizes: Iterable[int], runs: int) -> Iterable[Row]:
    bucket = running_server().new_bucket(has_object_lock=False)
    keys = [key_pair("ada").public, key_pair("drill").public]
    quick = ("wal_level=minimal", "max_wal_senders=0", "max_wal_size=4GB")
    with running_cluster(*quick, is_durable=False) as cluster:
        for megabytes in sizes:
            conninfo = conninfo_of(cluster, f"size_{megabytes}")
            _fill(conninfo_of(cluster, "postgres"), conninfo, megabytes)
            settings = write_settings(
                directory / f"{megabytes}.toml", bucket.settings(WRITER), keys, directory, conninfo
            )
            out = directory / "pipeline.gpg"
            ours, pipeline = [], []
            for number in range(runs):
                ours.append(_turn(_ours(settings)))
                pipeline.append(_turn(_pipeline(conninfo, keys, out)))
                told = f"ours {ours[-1].seconds:.1f} s, pipeline {pipeline[-1].seconds:.1f} s"
                sys.stderr.write(f"{megabytes} MB, run {number + 1} of {runs}: {told}\n")
            yield Row(megabytes, out.stat().st_size, ours, pipeline)
            _drop(conninfo_of(cluster, "postgres"), f"size_{megabytes}")


def _ours(settings: Path) -> list[str]:
    return [sys.executable, "-m", "backups", "run", "--settings", str(settings)]


def _pipeline(conninfo: str, keys: Iterable[Path], out: Path) -> list[str]:
    recipients = " ".join(f"--recipient-file {key}" for key in keys)
    home = out.parent / "gnupg"
    home.mkdir(mode=0o700, exist_ok=True)
    how = "--batch --quiet --trust-model always --compress-algo none"
    gpg = f"gpg --homedir {home} {how} {recipients} --encrypt"
    return ["bash", "-c", f"set -o pipefail; pg_dump -Fc '{conninfo}' | {gpg} > {out}"]


def _turn(command: Sequence[str]) -> Turn:
    """Run it and look at its processes until it ends."""
    turn = Turn()
    begun = time.monotonic()
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            _look(watched, turn)
            time.sleep(_EVERY_SECONDS)
        turn.seconds = time.monotonic() - begun
        assert process.stderr is not None
        if process.returncode:
            sys.exit(f"{command[0]} failed: {process.stderr.read().decode()}")
    return turn


def _look(root: psutil.Process, turn: Turn) -> None:
    """Note each program's peak (the kernel keeps it) and its CPU so far."""
    try:
        processes = [root, *root.children(recursive=True)]
    except psutil.Error:
        return
    for process in processes:
        try:
            # A program that is being started still has its parent's name and memory.
            found = [name for part, name in _NAMES.items() if process.name().startswith(part)]
            status = Path(f"/proc/{process.pid}/status").read_text("ascii")
            spent = process.cpu_times()
        except (psutil.Error, OSError):
            continue
        for name in found:
            is_fork = name == "python" and process is not root
            peak = int(status.partition("VmHWM:")[2].split()[0]) * 1024 if "VmHWM:" in status else 0
            if not is_fork:
                turn.peaks[name] = max(turn.peaks.get(name, 0), peak)
                turn.cpu[name] = max(turn.cpu.get(name, 0), spent.user + spent.system)


def _fill(administrative: str, conninfo: str, megabytes: int) -> None:
    """Make a database with so many megabytes of rows, half of them as random as pings are."""
    with connection_to(administrative) as cursor:
        cursor.execute(f"CREATE DATABASE size_{megabytes}")
    with connection_to(conninfo) as cursor:
        cursor.execute(
            "CREATE TABLE pings_ping (n bigint, received_at timestamptz, rid uuid, "
            "remote_addr text, user_agent text, body text)"
        )
        cursor.execute(
            "INSERT INTO pings_ping SELECT i, now() + i * interval '1 s', gen_random_uuid(), "
            "'192.0.2.' || i %% 250, 'curl/8.5.0', "
            "md5(random()::text) || md5(random()::text) || repeat(' backup done', 4) "
            "FROM generate_series(1, %s) i",
            [megabytes * MB // 230],
        )


def _drop(administrative: str, name: str) -> None:
    with connection_to(administrative) as cursor:
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
