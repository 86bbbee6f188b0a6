"""What makes no sense is refused before any host is asked."""

from pathlib import Path

import pytest

from tests.ops.inventories import inventory
from tests.ops.operator import fab


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--to", "app1"], "'app1' is no database host; there are db1, db2."),
        (["--to", "db2", "--undo", "--primary-lost"], "which?"),
        (["--to", "db2", "--without", "db1"], "See --primary-lost."),
        (["--to", "db2", "--without", "nobody"], "the fleet has no such host"),
    ],
)
def test_it_is_refused(tmp_path: Path, words: list[str], said: str) -> None:
    path = tmp_path / "berlin.toml"
    path.write_text(inventory())
    done = fab("db.failover", *words, "--fleet", str(path))
    assert done.returncode == 1
    assert said in done.stderr
