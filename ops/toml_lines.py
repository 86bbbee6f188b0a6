"""Where in a TOML file does a key stand? tomllib does not say; messages have to."""

import re

_TABLE = re.compile(r"\s*\[([^\[\]]+)\]\s*(?:#.*)?")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[A-Za-z0-9_-]+)\s*=""")

Path = tuple[str, ...]


def lines_of(text: str) -> dict[Path, int]:
    """Map tables and keys to their line, counted from 1: ("hosts", "lb1", "role") -> 12.

    Knows tables and plain keys, one a line, which is how inventories are
    written; a key inside an inline table is found by the line of its table.
    """
    found: dict[Path, int] = {}
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _TABLE.fullmatch(line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            for depth in range(1, len(table) + 1):
                found.setdefault(table[:depth], number)
        elif key := _KEY.match(line):
            found.setdefault((*table, key[1].strip("\"'")), number)
    return found


def line_of(lines: dict[Path, int], path: Path) -> int:
    """Return the line of the key, or of the nearest table around it; 1 when there is none."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)
