"""Look before anything is written whether there is room for it."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from backups.errors import NoSpace
from backups.progress import size

_MARGIN_BYTES = 64 * 2**20  # for all else that writes there meanwhile


@dataclass(frozen=True, slots=True)
class Need:
    """So many bytes, for this, in a folder that is there."""

    folder: Path
    size_bytes: int
    what: str


def demand(needs: Sequence[Need]) -> None:
    """Raise NoSpace, which says all, unless each disk has room for what it is to take."""
    by_disk: dict[int, list[Need]] = {}
    for need in needs:
        by_disk.setdefault(os.stat(need.folder).st_dev, []).append(need)  # noqa: PTH116
    short = [_short(together) for together in by_disk.values()]
    if said := "; ".join(words for words in short if words):
        raise NoSpace(f"{said}. Nothing was changed.")


def _short(needs: Sequence[Need]) -> str:
    wanted = sum(need.size_bytes for need in needs) + _MARGIN_BYTES
    free = shutil.disk_usage(needs[0].folder).free
    if wanted <= free:
        return ""
    parts = " and ".join(f"{size(need.size_bytes)} for {need.what}" for need in needs)
    return f"{needs[0].folder} has {size(free)} free, and takes {parts}"
