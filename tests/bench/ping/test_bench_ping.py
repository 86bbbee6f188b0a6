"""The whole of `make bench-ping`, as small as it gets: every row is there, and none is marked."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.ping import memory
from tests.bench.ping.processes import ROOT

RATIOS = {"receiver_cpu_over_nginx", "path_rate_over_row_worker", "slow_db_rate_over_row_worker"}


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_a_small_run_measures_every_row_and_loses_nothing(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    command = [sys.executable, "-m", "tests.bench.ping", "--runs", "2", "--seconds", "0.3"]
    done = subprocess.run(
        [*command, "--checks", "500", "--rates", "50,200", "--json", str(file)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    said = json.loads(file.read_text("utf-8"))
    assert {row["name"]: row["problems"] for row in said["rows"] if row["problems"]} == {}
    # A full journal takes nothing, which is what its row is about.
    idle = [row["name"] for row in said["rows"] if not row["per_second"]]
    assert idle == [memory.ROWS[-1]]
    assert all(said["ratios"][name] > 0 for name in RATIOS), said["ratios"]
    assert said["ratios"]["durability_ms"].keys() == {"50", "200"}
    assert all(f"| {row['name']}" in done.stdout for row in said["rows"])
