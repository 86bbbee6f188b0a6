"""Small files make clarity: this is where they are measured."""

import ast
from collections.abc import Iterator

from tests.architecture.tree import ROOT, modules

MOST_MODULE_LINES = 300
MOST_CLASS_LINES = 200
MOST_FUNCTION_LINES = 40

# What may be longer, and why.
EXCEPTIONS: dict[str, str] = {
    "tests/app/checks/test_schedule.py": "cases of calendars, in one table each",
    "tests/app/test_outbound.py": "one case for each way a server can misbehave",
}


def test_nothing_is_too_long() -> None:
    """Make it smaller, or say in EXCEPTIONS why it may be longer."""
    sources = {str(path): (ROOT / path).read_text("utf-8") for path in modules()}
    found = {name: list(_too_long(source)) for name, source in sources.items()}
    assert {name: what for name, what in found.items() if what and name not in EXCEPTIONS} == {}


def test_every_exception_is_still_needed() -> None:
    for name in EXCEPTIONS:
        assert list(_too_long((ROOT / name).read_text("utf-8"))), f"{name} is short enough now"


def test_the_measure_finds_what_is_too_long() -> None:
    body = "    pass\n" * MOST_FUNCTION_LINES
    assert list(_too_long("def f() -> None:\n" + body)) == ["f: 41 lines"]
    assert list(_too_long("class C:\n" + "    x = 1\n" * MOST_CLASS_LINES)) == ["C: 201 lines"]
    assert list(_too_long("x = 1\n" * 301)) == ["module: 301 lines"]


def _too_long(source: str) -> Iterator[str]:
    lines = source.count("\n")
    if lines > MOST_MODULE_LINES:
        yield f"module: {lines} lines"
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            most = MOST_CLASS_LINES
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            most = MOST_FUNCTION_LINES
        else:
            continue
        length = (node.end_lineno or node.lineno) - node.lineno + 1
        if length > most:
            yield f"{node.name}: {length} lines"
