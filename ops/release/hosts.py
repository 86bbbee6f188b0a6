"""What a host has of releases, and telling it to switch: this is where it is asked."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.remote import Session

SECONDS = 60  # for what only looks or renames
DELETE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Kept:
    """A release that a host has whole. `arrived`: seconds, by the host's clock."""

    id: str
    subject: str
    packages: str
    arrived: float


@dataclass(frozen=True, slots=True)
class OnHost:
    """The releases of a host. `current` and `previous` are "" when there is none.

    `since` and `by` are of the switch to the current one: None and "" when nobody knows.
    `previous` came before the current one; `left` is what was gone back from, "" if none was.
    """

    python: str
    machine: str
    releases: tuple[Kept, ...]
    packages: tuple[str, ...]
    current: str
    previous: str
    since: datetime | None
    by: str
    left: str = ""

    def has(self, release_id: str) -> bool:
        """Tell whether it could be switched to."""
        return any(one.id == release_id and one.packages in self.packages for one in self.releases)


def what_is_on(session: Session) -> OnHost:
    """Ask a host. HostError when it does not answer."""
    said = session.ask("releases", answer_seconds=SECONDS)
    current, switches = said["current"], said["switches"]
    # A switch that was cut off before the link is remembered, and never happened.
    while switches and switches[-1]["release"] != current:
        switches.pop()
    previous, left = before_and_left([one["release"] for one in switches])
    return OnHost(
        said["python"],
        said["machine"],
        tuple(Kept(**one) for one in said["releases"]),
        tuple(said["packages"]),
        current,
        previous,
        datetime.fromisoformat(switches[-1]["since"]) if switches else None,
        switches[-1]["by"] if switches else "",
        left,
    )


def before_and_left(switched: Sequence[str]) -> tuple[str, str]:
    """Return what came before the last release, and what was gone back from to it. Pure.

    What was gone back from is no release to go back to: a second rollback would bring it again.
    """
    way: list[str] = []
    left = ""
    for one in switched:
        if one not in way:
            way, left = [*way, one], ""
        elif one != way[-1]:
            left = way[-1]
            del way[way.index(one) + 1 :]
    return (way[-2] if len(way) > 1 else ""), left


def switch(session: Session, release_id: str, by: str) -> None:
    """Make a release that is there the current one, at once; ChangeFailed when it is not there.

    Twice is once. What runs keeps its own release until it is started anew.
    """
    words = f"operator={by} did='switch to release {release_id}'"
    session.ask("switch", answer_seconds=SECONDS, release=release_id, by=by, audit=words)
