"""docs/backups.md says every setting, and its examples are settings that can be used."""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from backups.settings import Settings, read_settings

PAGE = (Path(__file__).parents[2] / "docs" / "backups.md").read_text("utf-8")


def names(kind: type, before: str = "") -> Iterator[str]:
    """Yield every setting's name, with its table's."""
    assert dataclasses.is_dataclass(kind)
    for one in dataclasses.fields(kind):
        inner = one.default_factory if one.default_factory is not dataclasses.MISSING else one.type
        if isinstance(inner, type) and dataclasses.is_dataclass(inner):
            yield from names(inner, f"{one.name}.")
        else:
            yield before + one.name


def test_the_table_has_every_setting_and_no_other() -> None:
    table = PAGE[PAGE.index("| Key | Default | Meaning |") : PAGE.index("## A bucket")]
    rows = re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)
    assert sorted(rows) == sorted(names(Settings))


def test_defaults_are_as_the_table_says() -> None:
    for row in ("retention.days", "retention.keep_verified", "wal.most_bytes", "store.lock_days"):
        part, name = row.split(".")
        hint = {one.name: one for one in dataclasses.fields(Settings)}[part].type
        assert isinstance(hint, type)
        default = {one.name: one.default for one in dataclasses.fields(hint)}[name]
        assert f"| `{row}` | `{default}` |" in PAGE


@pytest.mark.parametrize("example", ["example", "sqlite"])
def test_an_example_can_be_read(example: str, tmp_path: Path) -> None:
    found = re.search(rf"<!-- {example} -->\n```toml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    path = tmp_path / "backups.toml"
    path.write_text(found[1])
    settings = read_settings(path)
    assert len(settings.recipients) == 2
    assert settings.store.credentials == tmp_path / "writer.toml"
