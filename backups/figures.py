"""The newest verified backup as Prometheus' text format: what an alert on its age reads.

    time() - stillhere_backup_verified_timestamp_seconds{kind="dump"} > 26 * 3600

A kind of which nothing was ever verified has no sample: alert on `absent()`, too.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from backups.layout import Kind, started_at
from backups.listing import Backup, Listing

_FIGURES: tuple[tuple[str, str, Callable[[Backup], float]], ...] = (
    (
        "stillhere_backup_verified_timestamp_seconds",
        "When a drill last restored the newest verified backup.",
        lambda one: one.verified_at.timestamp() if one.verified_at else 0,
    ),
    (
        "stillhere_backup_taken_timestamp_seconds",
        "When the newest verified backup was begun.",
        lambda one: started_at(one.id).timestamp(),
    ),
    (
        "stillhere_backup_verified_bytes",
        "Size of the newest verified backup, encrypted.",
        lambda one: one.manifest.object.bytes if one.manifest else 0,
    ),
)


def exposition(found: Listing) -> str:
    """Return the figures of each kind's newest verified backup."""
    newest = {
        kind: max(
            (one for one in found.backups if one.kind is kind and one.is_good and one.verified_at),
            key=lambda one: one.id,
            default=None,
        )
        for kind in Kind
    }
    return "".join(
        line
        for name, meaning, value in _FIGURES
        for line in (
            f"# HELP {name} {meaning}\n# TYPE {name} gauge\n",
            *(f'{name}{{kind="{k}"}} {value(one):.0f}\n' for k, one in newest.items() if one),
        )
    )


def write(path: Path, text: str) -> None:
    """Replace a file that others read; node-exporter takes only what ends in .prom."""
    with _beside(path) as (descriptor, temporary):
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        temporary.chmod(0o644)
        temporary.replace(path)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[tuple[int, Path]]:
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        yield descriptor, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
