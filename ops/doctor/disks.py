"""Is there room on the disks: bytes, inodes, and may it be written."""

from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.seen import Level, Line, Questions, Seen, not_examined
from provisioning.fleet import Fleet, Host, Machine

SUBJECT = "disk"
# And every file system of its own below them.
PLACES = ("/", "/var", "/srv", "/boot")
# Too little is a share of a small disk, and an amount on a large one.
RED_SHARE, RED_BYTES = 0.10, 10 * 2**30
NOTE_SHARE, NOTE_BYTES = 0.20, 20 * 2**30


def questions(_fleet: Fleet, _host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask every host for its file systems."""
    return {SUBJECT: {"about": "disks", "places": list(PLACES)}}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line a host when all is well, else a line for each file system that is not."""
    for host in seen.reached():
        answer = seen.answer(host, SUBJECT)
        if "failed" in answer:
            yield not_examined(SUBJECT, host, answer)
            continue
        judgements = [judged(disk) for disk in answer["disks"]]
        bad = [one for one in judgements if one[0] is not Level.GREEN]
        yield from (Line(SUBJECT, host.name, *one) for one in bad)
        if not bad:
            yield Line(SUBJECT, host.name, Level.GREEN, ", ".join(one[1] for one in judgements))


def judged(disk: Mapping[str, Any]) -> tuple[Level, str]:
    """Return how one file system is."""
    path, free = disk["path"], disk["free_bytes"]
    share = free / disk["size_bytes"]
    files = disk["free_files"] / disk["files"] if disk["files"] else 1.0
    room = f"{path} has {_amount(free)} free ({share:.0%})"
    if disk["read_only"]:
        return Level.RED, f"{path} is read-only. Has the disk errors? journalctl -k"
    if share < RED_SHARE and free < RED_BYTES:
        return Level.RED, f"{room}. What is it? du -xh --max-depth=2 {path} | sort -h"
    if files < RED_SHARE:
        return (
            Level.RED,
            f"{path} has {files:.0%} of its inodes free. du -x --inodes {path} | sort -n",
        )
    if share < NOTE_SHARE and free < NOTE_BYTES:
        return Level.NOTE, f"{room}: red below {RED_SHARE:.0%} and {_amount(RED_BYTES)}."
    if files < NOTE_SHARE:
        return Level.NOTE, f"{path} has {files:.0%} of its inodes free: red below {RED_SHARE:.0%}."
    return Level.GREEN, room


def _amount(size_bytes: int) -> str:
    for unit, bytes_of_one in (("GiB", 2**30), ("MiB", 2**20)):
        if size_bytes >= bytes_of_one:
            return f"{size_bytes / bytes_of_one:.0f} {unit}"
    return f"{size_bytes / 2**10:.0f} KiB"
