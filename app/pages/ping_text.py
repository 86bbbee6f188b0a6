"""A body as text that is safe to look at: this is where bytes of a stranger become words. Pure."""

import json
import re
from dataclasses import dataclass

MOST_SHOWN = 20_000  # characters
MOST_INDENTED = 20_000  # bytes of JSON
DEEPEST = 40
_PIECES = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
# Control characters but tab and newline are shown by their pictures: none acts.
_PICTURES = {code: 0x2400 + code for code in range(32) if code not in (9, 10)} | {127: 0x2421}


@dataclass(frozen=True, slots=True)
class BodyText:
    """A body to show. The notes say how the text differs from the bytes."""

    text: str
    size_bytes: int
    is_cut: bool
    notes: tuple[str, ...]


def body_text(body: bytes) -> BodyText:
    """Return the text of a body: JSON on lines of its own, and never too long."""
    notes = []
    text = body.decode("utf-8", "replace")
    if text.encode("utf-8", "replace") != body:
        notes.append("Bytes that are not UTF-8 are shown as �.")
    pretty = indented(text) if len(body) <= MOST_INDENTED else None
    if pretty is not None and pretty != text.strip():
        text = pretty
        notes.append("This is JSON, shown with line breaks that it did not have.")
    text = text.replace("\r\n", "\n").translate(_PICTURES)
    is_cut = len(text) > MOST_SHOWN
    if is_cut:
        notes.append(f"Only the first {MOST_SHOWN:,} characters are shown.")
    return BodyText(text[:MOST_SHOWN], len(body), is_cut, tuple(notes))


def indented(text: str) -> str | None:
    """Return an object or a list of JSON on lines of its own, or None when it is none.

    Numbers, names and strings stay as they were written, and so do names that come twice.
    """
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        return None
    return _lines(_PIECES.findall(text))


def _lines(pieces: list[str]) -> str | None:
    said: list[str] = []
    depth, opened = 0, ""
    for piece in pieces:
        if piece in "}]":
            depth -= 1
            said.append(piece if opened else f"\n{'  ' * depth}{piece}")
            opened = ""
            continue
        if opened:
            said.append("\n" + "  " * depth)
        opened = piece if piece in "{[" else ""
        depth += bool(opened)
        if depth > DEEPEST:
            return None
        said.append({",": ",\n" + "  " * depth, ":": ": "}.get(piece, piece))
    return "".join(said)
