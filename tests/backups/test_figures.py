"""What an alert reads of backups (backups/figures.py)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from backups.figures import exposition
from backups.layout import Kind
from backups.listing import Backup, Listing
from tests.backups.stored import CONTENT, manifest, run, stored
from tests.s3 import KEEPER, running_server

NOW = datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
VERIFIED = "stillhere_backup_verified_timestamp_seconds"
TAKEN = "stillhere_backup_taken_timestamp_seconds"
SIZE = "stillhere_backup_verified_bytes"


def backup(age_days: int, *, is_verified: bool = True, trouble: str = "") -> Backup:
    at = NOW - timedelta(days=age_days)
    verified_at = at + timedelta(hours=2) if is_verified else None
    return Backup(manifest(at).id, Kind.DUMP, manifest(at), verified_at, trouble, at)


def figures(text: str) -> dict[tuple[str, str], float]:
    return {
        (family.name, sample.labels["kind"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_newest_that_was_verified_and_is_good_counts() -> None:
    found = [backup(3), backup(2), backup(1, trouble="its object is missing")]
    assert figures(exposition(Listing((*found, backup(0, is_verified=False)), 0))) == {
        (VERIFIED, "dump"): (NOW - timedelta(days=2) + timedelta(hours=2)).timestamp(),
        (TAKEN, "dump"): (NOW - timedelta(days=2)).timestamp(),
        (SIZE, "dump"): len(CONTENT),
    }


def test_without_a_verified_one_there_is_no_sample_that_looks_fresh() -> None:
    assert figures(exposition(Listing((backup(0, is_verified=False),), 0))) == {}


def test_the_program_replaces_a_file_that_the_exporter_may_read(tmp_path: Path) -> None:
    bucket = running_server().new_bucket()
    stored(bucket, 0)
    path = tmp_path / "stillhere_backups.prom"
    path.write_text("old")
    done = run(bucket, KEEPER, "metrics", "--textfile", str(path))
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert set(figures(path.read_text())) == {(name, "dump") for name in (VERIFIED, TAKEN, SIZE)}
    assert path.stat().st_mode & 0o777 == 0o644
    assert list(tmp_path.iterdir()) == [path]
    assert run(bucket, KEEPER, "metrics").stdout == path.read_text()
