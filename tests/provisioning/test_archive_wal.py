"""The archive command, run as PostgreSQL runs it: in a data directory, with a path and a name.

That PostgreSQL itself lives by it is tested with real clusters (tests/backups).
"""

import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "provisioning" / "templates" / "archive-wal"
NAME = "000000010000000000000007"
SYSTEM = 7710800394248228407
SEGMENT_BYTES = 2**20
PLENTY = 2**40


@dataclass(slots=True)
class Host:
    """A data directory with one finished WAL file, and a spool."""

    data: Path
    spool: Path

    def archive(self, most_bytes: int = PLENTY) -> subprocess.CompletedProcess[str]:
        command = ["sh", str(PROGRAM), str(self.spool), str(most_bytes), f"pg_wal/{NAME}", NAME]
        return subprocess.run(
            command, cwd=self.data, capture_output=True, text=True, timeout=60, check=False
        )

    @property
    def finished(self) -> Path:
        return self.data / "pg_wal" / NAME

    @property
    def kept(self) -> Path:
        return self.spool / str(SYSTEM) / NAME


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path / "data", tmp_path / "spool")
    for folder in (host.data / "global", host.data / "pg_wal", host.spool):
        folder.mkdir(parents=True)
    (host.data / "global" / "pg_control").write_bytes(struct.pack("=Q", SYSTEM) + b"more")
    host.finished.write_bytes(os.urandom(SEGMENT_BYTES // 4) + bytes(SEGMENT_BYTES * 3 // 4))
    return host


def test_a_finished_file_is_kept_under_its_clusters_name(host: Host) -> None:
    assert host.archive().returncode == 0
    assert host.kept.read_bytes() == host.finished.read_bytes()
    assert [path.name for path in host.kept.parent.iterdir()] == [NAME]
    assert host.kept.stat().st_mode & 0o077 == 0


def test_what_is_kept_says_when_it_was_last_written(host: Host) -> None:
    os.utime(host.finished, (1_700_000_000, 1_700_000_000))
    host.archive()
    assert host.kept.stat().st_mtime == 1_700_000_000


def test_the_same_file_again_is_fine(host: Host) -> None:
    """PostgreSQL asks again when it was cut off before it noted the first answer."""
    host.archive()
    assert host.archive().returncode == 0


def test_a_file_of_the_same_name_with_another_content_is_refused(host: Host) -> None:
    host.archive()
    first = host.kept.read_bytes()
    host.finished.write_bytes(os.urandom(SEGMENT_BYTES))
    done = host.archive()
    assert done.returncode == 1
    assert "another content" in done.stderr
    assert host.kept.read_bytes() == first


def test_a_second_cluster_has_a_folder_of_its_own(host: Host) -> None:
    host.archive()
    (host.data / "global" / "pg_control").write_bytes(struct.pack("=Q", SYSTEM + 1))
    host.finished.write_bytes(os.urandom(SEGMENT_BYTES))
    assert host.archive().returncode == 0
    assert (host.spool / str(SYSTEM + 1) / NAME).read_bytes() == host.finished.read_bytes()


def test_a_spool_that_is_full_refuses_and_says_so(host: Host) -> None:
    done = host.archive(most_bytes=SEGMENT_BYTES // 2)
    assert done.returncode == 1
    assert f"{NAME} waits in pg_wal" in done.stderr
    assert not host.kept.exists()


def test_zeros_take_no_place(host: Host) -> None:
    """A quiet primary finishes a file a minute: nearly all of it is zeros."""
    host.archive()
    assert host.kept.stat().st_blocks * 512 <= SEGMENT_BYTES // 2


def test_what_was_cut_off_half_way_is_no_file_and_is_made_anew(host: Host) -> None:
    host.kept.parent.mkdir()
    host.kept.with_name(f".{NAME}.new").write_bytes(b"torn")
    assert host.archive().returncode == 0
    assert host.kept.read_bytes() == host.finished.read_bytes()
    assert [path.name for path in host.kept.parent.iterdir()] == [NAME]


def test_a_disk_without_room_refuses_and_leaves_no_file(host: Host) -> None:
    """A limit on the size of files stands for the disk: the copy ends half-way."""
    words = ["sh", str(PROGRAM), str(host.spool), str(PLENTY), f"pg_wal/{NAME}", NAME]
    limited = ["sh", "-c", 'ulimit -f 64; exec "$@"', "limited", *words]
    done = subprocess.run(limited, cwd=host.data, capture_output=True, timeout=60, check=False)
    assert done.returncode != 0
    assert not host.kept.exists()
    assert host.archive().returncode == 0
    assert host.kept.read_bytes() == host.finished.read_bytes()
