"""Releases: built once here, brought to hosts, switched to and let go (docs/decisions/0016).

    build(commit, pythons) -> Release       what is not there yet is built; STILLHERE_RELEASES or
                                            ~/.cache/stillhere/releases keeps it
    what_is_on(session) -> OnHost           what a host has; current, previous, since when, by whom
    bring(release, sessions, hosts, told)   every host gets what it lacks; Brought for each
    switch(session, release_id, by)         the link, at once; nothing is restarted
    prune(session, most, also) -> Gone      the newest five, the current and the previous one stay

All of them may be cut off anywhere and called again. Who calls what changes hosts holds the
operators' lock (`sessions_with(fleet, hold)`): two at once would sweep each other's uploads.
"""

from ops.release.building import Release, build
from ops.release.hosts import Kept, OnHost, switch, what_is_on
from ops.release.keeping import Gone, prune
from ops.release.upload import Brought, bring

__all__ = [
    "Brought",
    "Gone",
    "Kept",
    "OnHost",
    "Release",
    "bring",
    "build",
    "prune",
    "switch",
    "what_is_on",
]
