"""Where things are: names that say nothing are refused, and tests stand where the code stands."""

from pathlib import Path

from tests.architecture.tree import ROOT, modules

# A module's name finishes "this is where we ...".
FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "misc", "lib", "services", "managers"}

# Tests of several modules at once, and of files that are no modules.
TOGETHER = {
    "tests/app/pages/test_accessibility.py",  # all pages, in Chromium, for everybody
    "tests/app/pages/test_keyboard.py",  # the pages that one works with
    "tests/app/pages/test_in_a_browser.py",  # all pages, in Chromium
    "tests/app/pings/test_interleavings.py",  # journals, apply and late events, whatever happens
    "tests/app/pings/test_ping_path.py",  # receiver, journal, drain and database together
    "tests/app/web/test_style.py",  # the stylesheet
}


def test_no_name_says_nothing() -> None:
    assert [path for path in modules() if _words(path) & FORBIDDEN] == []


def test_a_test_stands_where_its_module_stands() -> None:
    """`test_receiver_limits.py` belongs to `receiver.py`, as `test_receiver.py` does."""
    ours = [path for path in modules() if path.parts[:2] == ("tests", "app")]
    assert [path for path in ours if not (ROOT / path.parent / "__init__.py").exists()] == []
    tests = [path for path in ours if path.name.startswith("test_") and str(path) not in TOGETHER]
    assert [path for path in tests if not _has_module(path)] == []


def _words(path: Path) -> set[str]:
    return {part for name in path.with_suffix("").parts for part in name.split("_")}


def _has_module(test: Path) -> bool:
    room = ROOT.joinpath(*test.parts[1:-1])
    words = test.stem.removeprefix("test_").split("_")
    names = {"_".join(words[:count]) for count in range(1, len(words) + 1)}
    return any((room / f"{name}.py").exists() or (room / name).is_dir() for name in names)
