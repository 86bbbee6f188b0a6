"""Which old releases of a host may go? Pure; `prune` then tells the host."""

from collections.abc import Collection
from dataclasses import dataclass

from ops.release.hosts import DELETE_SECONDS, OnHost, what_is_on
from ops.remote import Session

MOST_KEPT = 5


@dataclass(frozen=True, slots=True)
class Gone:
    """What a host need not keep, by name."""

    releases: tuple[str, ...]
    packages: tuple[str, ...]


def what_may_go(on: OnHost, most: int = MOST_KEPT, also: Collection[str] = ()) -> Gone:
    """Keep the newest `most` by arrival, the current, the previous, and those in `also`.

    Packages go when no release that is kept has them.
    """
    newest = sorted(on.releases, key=lambda one: (one.arrived, one.id), reverse=True)[:most]
    stays = {one.id for one in newest} | {on.current, on.previous, *also}
    used = {one.packages for one in on.releases if one.id in stays}
    return Gone(
        tuple(one.id for one in on.releases if one.id not in stays),
        tuple(name for name in on.packages if name not in used),
    )


def prune(session: Session, most: int = MOST_KEPT, also: Collection[str] = ()) -> Gone:
    """Delete what may go from a host, static files too; return what that was."""
    gone = what_may_go(what_is_on(session), most, also)
    session.ask(
        "let_go",
        answer_seconds=DELETE_SECONDS,
        releases=list(gone.releases),
        packages=list(gone.packages),
    )
    return gone
