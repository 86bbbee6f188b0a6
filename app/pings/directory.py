"""Which checks there are: this is where a receiver looks before it answers.

Held in memory by the receiver, fed by the drain, kept in a snapshot file so that
a receiver starts while the database is down. It is allowed to lag: what it does
not know is journalled and asked of the drain.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from uuid import UUID

import msgpack

from app.pings.protocol import Slug
from app.pings.segment import write_whole

# One check: (code, project id, slug); one project: (project id, digest of its ping key or "").
CheckRow = tuple[bytes, int, str]
ProjectRow = tuple[int, str]


class Known(StrEnum):
    """What the directory can say of a target."""

    YES = "yes"
    NO = "no"
    AMBIGUOUS = "ambiguous"


@dataclass(slots=True)
class Changes:
    """What changed in the directory up to and with `number`.

    `is_whole` says that this is everything. A check that is neither in it nor in `gone`
    was lost by the database, and may come back.
    """

    number: int = 0
    checks: list[CheckRow] = field(default_factory=list)
    projects: list[ProjectRow] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    is_whole: bool = False

    def packed(self) -> bytes:
        """Return the changes for the wire or the snapshot."""
        parts = (self.number, self.checks, self.projects, self.gone, self.is_whole)
        packed: bytes = msgpack.packb(parts)
        return packed

    @classmethod
    def unpacked(cls, data: bytes) -> "Changes":
        """Return what `packed` made. ValueError for anything else."""
        number, checks, projects, gone, is_whole = msgpack.unpackb(data, use_list=False)
        return cls(number, list(checks), list(projects), list(gone), is_whole)


class Directory:
    """All checks by code, and by ping key and slug. About 250 bytes a check."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.number = -1
        self._checks: dict[bytes, tuple[int, str]] = {}
        self._slugs: dict[tuple[int, str], list[bytes]] = {}
        self._projects: dict[str, int] = {}
        self._keys: dict[int, str] = {}
        self._lost: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._checks)

    def knows(self, code: bytes) -> bool:
        """Return True for the code of a check, as 16 bytes."""
        return code in self._checks

    def find(self, target: UUID | Slug) -> tuple[Known, UUID | Slug]:
        """Return whether the target is known, and the check's code when it is."""
        if isinstance(target, UUID):
            return (Known.YES if target.bytes in self._checks else Known.NO), target
        project = self._projects.get(target.key_digest)
        codes = self._slugs.get((project, target.slug), []) if project is not None else []
        if len(codes) == 1:
            return Known.YES, UUID(bytes=codes[0])
        return (Known.AMBIGUOUS if codes else Known.NO), target

    def apply(self, changes: Changes) -> None:
        """Take over changes. Who was told once that a check is there is not told that it is not.

        After a failover to a standby that had not heard of it, its pings are kept aside
        (pings/orphans) until it comes back, or a tombstone says that it was deleted.
        """
        before, keys_before = self._checks, self._keys
        if changes.is_whole:
            self._clear()
        for project, digest in changes.projects:
            self._projects.pop(self._keys.pop(project, ""), None)
            if digest:
                self._projects[digest], self._keys[project] = project, digest
        for code, project, slug in changes.checks:
            self._forget(code)
            self._checks[code] = project, slug
            if slug:
                codes = self._slugs.setdefault((project, slug), [])
                # One that was lost and made again under another code stands for the slug alone.
                codes[:] = [*(each for each in codes if each not in self._lost), code]
        if changes.is_whole:
            self._keep_lost(before, keys_before)
        for code in changes.gone:
            self._forget(code)
        self.number = changes.number

    def everything(self) -> Changes:
        """Return the whole directory as changes."""
        return Changes(
            self.number,
            [(code, project, slug) for code, (project, slug) in self._checks.items()],
            list(self._keys.items()),
            [],
            is_whole=True,
        )

    def _keep_lost(self, before: dict[bytes, tuple[int, str]], keys_before: dict[int, str]) -> None:
        """Keep what was known before and is not there; its slug too, if nobody else has it.

        A project's id may mean another one now: its key tells.
        """
        for code, (project, slug) in before.items():
            if code in self._checks:
                continue
            is_same = self._keys.get(project) == keys_before.get(project) is not None
            is_free = bool(slug) and (project, slug) not in self._slugs
            self._checks[code] = project, slug if is_same and is_free else ""
            self._lost.add(code)
            if is_same and is_free:
                self._slugs[project, slug] = [code]

    def _forget(self, code: bytes) -> None:
        self._lost.discard(code)
        known = self._checks.pop(code, None)
        codes = self._slugs.get(known, []) if known and known[1] else []
        if code in codes:
            codes.remove(code)
            if not codes and known:
                del self._slugs[known]


def save(path: Path, directory: Directory) -> None:
    """Write the snapshot."""
    write_whole(path, directory.everything().packed())


def load(path: Path) -> Directory:
    """Return the directory of the snapshot; an empty one when there is none to be read."""
    directory = Directory()
    try:
        directory.apply(Changes.unpacked(path.read_bytes()))
    except FileNotFoundError:
        pass
    except (ValueError, TypeError, msgpack.UnpackException):
        path.replace(path.with_suffix(".damaged"))
    return directory
