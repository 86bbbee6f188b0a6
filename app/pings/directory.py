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

# One check: (code, project id, slug), in a snapshot -1 - project id for one that the database
# has lost; one project: (project id, digest of its ping key or "").
CheckRow = tuple[bytes, int, str]
ProjectRow = tuple[int, str]
CODE_BYTES = 16


class Known(StrEnum):
    """What the directory can say of a target."""

    YES = "yes"
    NO = "no"
    AMBIGUOUS = "ambiguous"


@dataclass(slots=True)
class Changes:
    """What changed in the directory up to and with `number`.

    `is_whole` says that this is everything, and what is not in it is gone.
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
    """All checks by code, and by ping key and slug. About 250 bytes a check.

    A check's place is "<project id>/<slug>", one string that both tables share; the
    checks of a place are their codes, one behind the other.
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.number = -1
        self._places: dict[bytes, str] = {}
        self._codes: dict[str, bytes] = {}
        self._projects: dict[str, int] = {}
        self._keys: dict[int, str] = {}
        self._lost: set[bytes] = set()

    def __len__(self) -> int:
        return len(self._places)

    def knows(self, code: bytes) -> bool:
        """Return True for the code of a check, as 16 bytes."""
        return code in self._places

    def find(self, target: UUID | Slug) -> tuple[Known, UUID | Slug]:
        """Return whether the target is known, and the check's code when it is."""
        if isinstance(target, UUID):
            return (Known.YES if target.bytes in self._places else Known.NO), target
        project = self._projects.get(target.key_digest)
        codes = self._codes.get(f"{project}/{target.slug}", b"") if target.slug else b""
        if len(codes) == CODE_BYTES:
            return Known.YES, UUID(bytes=codes)
        return (Known.AMBIGUOUS if codes else Known.NO), target

    def apply(self, changes: Changes) -> None:
        """Take over changes. Who was told once that a check is there is not told that it is not.

        After a failover to a standby that had not heard of it, its pings are kept aside
        (pings/orphans) until it comes back, or a tombstone says that it was deleted.
        """
        before, keys_before = self._places, self._keys
        if changes.is_whole:
            self._clear()
        for project, digest in changes.projects:
            self._projects.pop(self._keys.pop(project, ""), None)
            if digest:
                self._projects[digest], self._keys[project] = project, digest
        for code, project, slug in changes.checks:
            self._forget(code)
            if project < 0:
                project = -1 - project
                self._lost.add(code)
            place = f"{project}/{slug}"
            self._places[code] = place
            if slug:
                # One that was lost and made again under another code stands for the slug alone.
                others = _codes(self._codes.get(place, b""))
                self._codes[place] = b"".join([*(o for o in others if o not in self._lost), code])
        if changes.is_whole:
            self._keep_lost(before, keys_before)
        for code in changes.gone:
            self._forget(code)
        self.number = changes.number

    def everything(self) -> Changes:
        """Return the whole directory as changes."""
        split = ((code, place.partition("/")) for code, place in self._places.items())
        return Changes(
            self.number,
            [
                (code, -1 - int(project) if code in self._lost else int(project), slug)
                for code, (project, _, slug) in split
            ],
            list(self._keys.items()),
            [],
            is_whole=True,
        )

    def _keep_lost(self, before: dict[bytes, str], keys_before: dict[int, str]) -> None:
        """Keep what was known before and is not there; its slug too, if nobody else has it.

        A project's id may mean another one now: its key tells.
        """
        for code, place in before.items():
            if code in self._places:
                continue
            project, _, slug = place.partition("/")
            key = self._keys.get(int(project))
            keeps = key == keys_before.get(int(project)) is not None and place not in self._codes
            self._places[code] = place if keeps else f"{project}/"
            self._lost.add(code)
            if keeps and slug:
                self._codes[place] = code

    def _forget(self, code: bytes) -> None:
        self._lost.discard(code)
        place = self._places.pop(code, "")
        codes = _codes(self._codes.pop(place, b""))
        if others := b"".join(other for other in codes if other != code):
            self._codes[place] = others


def _codes(joined: bytes) -> list[bytes]:
    return [joined[at : at + CODE_BYTES] for at in range(0, len(joined), CODE_BYTES)]


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
