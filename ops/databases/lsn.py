"""Places in the write-ahead log: PostgreSQL's text, "16/B374D848", and a number of bytes."""

import re

_TEXT = re.compile(r"([0-9A-Fa-f]{1,8})/([0-9A-Fa-f]{1,8})")
_LOW_BITS = 32


def parse_lsn(text: str) -> int:
    """Return the place as a number, so that a difference is bytes. ValueError for anything else."""
    found = _TEXT.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no place in the write-ahead log, as in 16/B374D848")
    return int(found[1], 16) << _LOW_BITS | int(found[2], 16)


def format_lsn(lsn: int) -> str:
    """Return PostgreSQL's text of a place."""
    return f"{lsn >> _LOW_BITS:X}/{lsn & 0xFFFF_FFFF:X}"
