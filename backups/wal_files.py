"""What a WAL file in the bucket is called, and what its name says. Pure.

    wal/<system identifier>/<timeline>/<file name>-<16 hex digits of its SHA-256>.gpg

The key names the content: both hosts upload the same file, the second one is told that it is
there, and two contents of one name never replace each other. Names are PostgreSQL's own:
24 hex digits are a segment (timeline, then its number in two parts), `.partial` and `.backup`
behind them are what recovery does not read, 8 hex digits and `.history` are a timeline's origin.
"""

import re
from dataclasses import dataclass

FOLDER = "wal/"
SEGMENT_BYTES = 16 * 2**20  # as initdb makes it unless told; a base of another size is refused
SEGMENTS_IN_LOG = 2**32 // SEGMENT_BYTES

_SEGMENT = re.compile(r"[0-9A-F]{24}")
_NAME = re.compile(
    r"(?P<timeline>[0-9A-F]{8})([0-9A-F]{16}(\.partial|\.[0-9A-F]{8}\.backup)?|\.history)"
)
_KEY = re.compile(
    r"(?P<system>[0-9]+)/(?P<folder>[0-9A-F]{8})/(?P<name>[0-9A-F.a-z]+)-(?P<digest>[0-9a-f]{16})\.gpg"
)


@dataclass(frozen=True, slots=True, order=True)
class WalFile:
    """One content of one file of one cluster; `digest` is the beginning of its SHA-256."""

    system: str
    name: str
    digest: str

    @property
    def key(self) -> str:
        """Return its key, below the prefix of settings."""
        return f"{FOLDER}{self.system}/{self.name[:8]}/{self.name}-{self.digest[:16]}.gpg"

    @property
    def timeline(self) -> int:
        """Return the timeline that it belongs to; of a history, the one that began."""
        return int(self.name[:8], 16)

    @property
    def segment(self) -> int | None:
        """Return the number of a whole segment, which goes on over timelines; else None."""
        return segment_number(self.name) if _SEGMENT.fullmatch(self.name) else None

    @property
    def fork(self) -> int | None:
        """Return the number of the segment in which its timeline was left by another, or None.

        Who is promoted archives what it had of that segment, as `.partial`.
        """
        return segment_number(self.name) if self.name.endswith(".partial") else None

    @property
    def is_history(self) -> bool:
        """Tell whether it says from what a timeline began."""
        return self.name.endswith(".history")


def is_wal_name(name: str) -> bool:
    """Tell whether PostgreSQL calls a file so that it has archived."""
    return _NAME.fullmatch(name) is not None


def wal_file_at(key: str) -> WalFile | None:
    """Return what lies at a key (without the prefix of settings); None when it is no WAL."""
    found = _KEY.fullmatch(key.removeprefix(FOLDER)) if key.startswith(FOLDER) else None
    if not found or not is_wal_name(found["name"]) or found["name"][:8] != found["folder"]:
        return None
    return WalFile(found["system"], found["name"], found["digest"])


def segment_number(name: str) -> int:
    """Return the number of the segment of this name, counted from 0 over the whole WAL."""
    return int(name[8:16], 16) * SEGMENTS_IN_LOG + int(name[16:24], 16)


def segment_name(timeline: int, number: int) -> str:
    """Return the name of a segment on a timeline."""
    log, segment = divmod(number, SEGMENTS_IN_LOG)
    return f"{timeline:08X}{log:08X}{segment:08X}"


def history_name(timeline: int) -> str:
    """Return the name of the file that says from what a timeline began."""
    return f"{timeline:08X}.history"
