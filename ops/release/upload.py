"""A release is brought to hosts: this is where each gets what it lacks, all at once."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ops.agent.releasing import INCOMING
from ops.errors import ChangeFailed, HostError
from ops.reading import MOST_AT_ONCE, Sessions
from ops.release.archives import Archive
from ops.release.building import Release
from ops.release.hosts import SECONDS, OnHost, what_is_on
from ops.release.packages import MACHINE
from ops.remote import Session
from provisioning.fleet import Host

UNPACK_SECONDS = 600
# Compiled Python beside the files, and what file systems round up.
_GROWTH = 2

Told = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Brought:
    """How one host ended. `sent_bytes` is 0 when it had everything; `trouble` is "" when it has."""

    host: str
    sent_bytes: int
    seconds: float
    trouble: str = ""


def bring(release: Release, sessions: Sessions, hosts: Sequence[Host], told: Told) -> list[Brought]:
    """Give every host the release, without switching to it; those that fail hold up no other.

    `told(host, bytes)` is called from several threads for every piece that was
    sent. Whatever is cut off, a host has a release whole or has it not; what lies
    half-way is swept by the next `bring`.
    """

    def one(host: Host) -> Brought:
        begin, sent = time.monotonic(), [0]

        def sending(count: int) -> None:
            sent[0] += count
            told(host.name, count)

        trouble = ""
        try:
            _bring(release, sessions.of(host), sending)
        except HostError as error:
            trouble = str(error)
        return Brought(host.name, sent[0], time.monotonic() - begin, trouble)

    with ThreadPoolExecutor(min(max(len(hosts), 1), MOST_AT_ONCE)) as pool:
        return list(pool.map(one, hosts))


def _bring(release: Release, session: Session, sending: Callable[[int], None]) -> None:
    on = what_is_on(session)
    packages = _packages_for(release, on, session.host.name)
    lacking = _lacking(release, packages, on)
    if lacking:
        need = sum(one.size_bytes + _GROWTH * one.unpacked_bytes for one in lacking)
        session.ask("make_room", answer_seconds=SECONDS, need_bytes=need)
    for archive in lacking:
        with archive.path.open("rb") as file:
            session.pour(file, f"{INCOMING}/{archive.kind}-{archive.id}.tar.gz", sending)
        session.ask(
            "unpack",
            answer_seconds=UNPACK_SECONDS,
            kind=archive.kind,
            id=archive.id,
            sha256=archive.sha256,
            packages=packages.id,
        )
    session.ask("publish", answer_seconds=SECONDS, release=release.id, packages=packages.id)


def _packages_for(release: Release, on: OnHost, host: str) -> Archive:
    """Return the packages for the host's Python. ChangeFailed when they were not built."""
    if on.machine != MACHINE:
        raise ChangeFailed(f"{host}: is a {on.machine}; releases are built for {MACHINE}.")
    if on.python not in release.packages:
        built = " and ".join(release.packages)
        raise ChangeFailed(
            f"{host}: has Python {on.python}; the release was built for {built}. Hosts run "
            "Debian 12 or 13."
        )
    return release.packages[on.python]


def _lacking(release: Release, packages: Archive, on: OnHost) -> list[Archive]:
    """Return what has to be sent, in this order: a release is linked to packages that are there."""
    has_code = any(one.id == release.id for one in on.releases)
    has_packages = packages.id in on.packages
    return [*([] if has_packages else [packages]), *([] if has_code else [release.code])]
