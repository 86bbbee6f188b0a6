"""What must not be in the repository: traces of one machine, and promises to do it later."""

import re
from pathlib import Path

from tests.architecture.tree import ROOT, files

# In pieces, so that this file is not its own finding.
_PLACES = ("/wo" + "rk/", "/ro" + "ot/", "/ho" + "me/", "/op" + "t/", "/tm" + "p/w/")
_INDEX = re.compile(r"--(extra-)?index-url|--find-links|--trusted-host|pypi\.|/simple\b")
_PUT_OFF = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
_BLANKET = re.compile(r"# type: igno" + r"re(?!\[)|# no" + r"qa(?!: [A-Z]+[0-9]+)")


def _text(path: Path) -> str:
    return (ROOT / path).read_text("utf-8", errors="replace")


def test_no_file_shows_a_path_of_a_machine() -> None:
    assert [path for path in files() if any(place in _text(path) for place in _PLACES)] == []


def test_requirements_name_no_index() -> None:
    ours = [path for path in files() if path.parts[0] == "requirements"]
    assert [path for path in ours if _INDEX.search(_text(path))] == []


def test_nothing_is_put_off_or_ignored_wholesale() -> None:
    ours = [path for path in files() if path.suffix in {".py", ".md"}]
    assert [path for path in ours if _PUT_OFF.search(_text(path))] == []
    assert [path for path in ours if _BLANKET.search(_text(path))] == []


def test_every_requirement_is_pinned_with_a_hash() -> None:
    for name in ("base.txt", "ops.txt", "dev.txt"):
        entries = re.split(r"\n(?=[a-z])", _text(Path("requirements") / name))[1:]
        assert entries
        for entry in entries:
            assert re.match(r"[\w.-]+==\S+ \\\n    --hash=sha256:", entry), entry[:80]
