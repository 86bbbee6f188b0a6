"""Releases on real hosts: brought, switched to, let go; and what a cut line leaves."""

import dataclasses
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.agent.commands import Failed
from ops.agent.releasing import unpack_file
from ops.errors import ChangeFailed
from ops.fleets import find_fleet
from ops.reading import Sessions, sessions_with
from ops.release import bring, prune, switch, what_is_on
from ops.release.archives import Archive, pack
from ops.release.building import Release
from provisioning.fleet import Fleet, Host
from tests.ops.rehearsal import Rehearsal

HOSTS = ("app1", "db1")
CHECK = (
    "cd /srv/stillhere/current && exec runuser -u nobody -- env -i PYTHONPATH=.:site-packages "
    "STILLHERE_DATA_DIR=$(runuser -u nobody -- mktemp -d) python3 manage.py check"
)
COMPILED = (
    "cd /srv/stillhere/current && PYTHONPATH=.:site-packages "
    "python3 -c 'import uvloop, httptools, psycopg2, pycurl, argon2, msgpack, oncalendar'"
)
SMALL = {"3.11": "b" * 12, "3.13": "c" * 12}
Small = Callable[[int], Release]


@pytest.fixture
def fleet(rehearsal: Rehearsal) -> Iterator[Fleet]:
    """Give the lab's fleet; whatever of releases is on its hosts goes afterwards."""
    fleet = find_fleet(str(rehearsal.inventory))
    yield fleet
    for name in HOSTS:
        rehearsal.run(
            name,
            [
                "sh",
                "-c",
                "rm -rf /srv/stillhere/*; mkdir -p /srv/stillhere/releases /srv/stillhere/static",
            ],
        )


@pytest.fixture
def hosts(fleet: Fleet) -> tuple[Host, ...]:
    return tuple(fleet.host(name) for name in HOSTS)


@pytest.fixture
def sessions(fleet: Fleet) -> Iterator[Sessions]:
    with sessions_with(fleet, ("test@here", "a test")) as sessions:
        yield sessions


@pytest.fixture
def small(tmp_path: Path, built: Release) -> Small:
    """Return what makes releases of a few bytes: the first, the second, ..."""

    def packed(kind: str, identity: str, **contents: str) -> Archive:
        folder = tmp_path / f"{kind}-{identity}"
        for name, text in contents.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return pack(folder, kind, identity, tmp_path / f"{kind}-{identity}.gz", 1)

    def one(number: int) -> Release:
        identity = f"{number:012x}"
        files = {
            "release.json": f'{{"subject": "The {number}."}}',
            "static__staticfiles.json": "{}",
        }
        code = packed(
            "code", identity, **files, **{f"static__web__{number}.css": "", "static__all.css": ""}
        )
        packages = {
            python: packed("packages", name, package=python) for python, name in SMALL.items()
        }
        return dataclasses.replace(built, id=identity, code=code, packages=packages)

    return one


def nothing_told(_host: str, _count: int) -> None:
    """Say nothing."""


def brought(release: Release, sessions: Sessions, hosts: tuple[Host, ...]) -> int:
    """Bring a release to all; return how many bytes that took."""
    results = bring(release, sessions, hosts, nothing_told)
    assert [each.trouble for each in results] == [""] * len(hosts)
    return sum(each.sent_bytes for each in results)


def files_in(rehearsal: Rehearsal, host: str, path: str) -> list[str]:
    return rehearsal.run(host, ["find", path, "-type", "f", "-printf", "%P\n"]).split()


@pytest.mark.lab
def test_a_release_is_brought_switched_to_and_runs(
    rehearsal: Rehearsal, sessions: Sessions, hosts: tuple[Host, ...], built: Release
) -> None:
    sent = brought(built, sessions, hosts)
    assert sent == 2 * (built.code.size_bytes + built.packages["3.13"].size_bytes)
    assert brought(built, sessions, hosts) == 0
    for host in hosts:
        session = sessions.of(host)
        before = what_is_on(session)
        assert (before.current, before.previous, before.since) == ("", "", None)
        assert before.has(built.id)
        switch(session, built.id, "ada@laptop")
        after = what_is_on(session)
        assert (after.current, after.previous, after.by) == (built.id, "", "ada@laptop")
        assert after.since is not None
        assert abs(after.since.timestamp() - after.releases[0].arrived) < 120
        assert after.releases[0].subject == built.subject
        rehearsal.run(host.name, ["sh", "-c", CHECK])
        rehearsal.run(host.name, ["sh", "-c", COMPILED])
        assert "switch to release" in rehearsal.run(
            host.name, ["journalctl", "-t", "stillhere-ops"]
        )
    # Compiled by the host's own Python, and not looked at again: the flag says so.
    pyc = f"/srv/stillhere/releases/{built.id}/app/__pycache__/env.cpython-313.pyc"
    read = f"import sys; print(open('{pyc}', 'rb').read(8)[4:])"
    assert rehearsal.run("app1", ["python3", "-c", read]).strip() == r"b'\x01\x00\x00\x00'"
    writable = ["find", "/srv/stillhere", "-not", "-type", "l", "-perm", "/022"]
    assert rehearsal.run("app1", writable) == ""
    served = files_in(rehearsal, "app1", "/srv/stillhere/static")
    assert any(name.startswith("web/app.") and name.endswith(".css") for name in served)
    assert "staticfiles.json" not in served


@pytest.mark.lab
def test_the_link_is_never_away_and_remembers(
    rehearsal: Rehearsal, sessions: Sessions, hosts: tuple[Host, ...], small: Small
) -> None:
    for number in (1, 2):
        brought(small(number), sessions, hosts[:1])
    session = sessions.of(hosts[0])
    one, two = f"{1:012x}", f"{2:012x}"
    switch(session, one, "ada")
    look = "while [ ! -e /run/over ]; do cat /srv/stillhere/current/release.json || exit 1; done"
    rehearsal.run("app1", ["systemd-run", "--unit=looks", "--quiet", "sh", "-c", look])
    for number in range(40):
        switch(session, (two, one)[number % 2], "ada")
    state = rehearsal.run("app1", ["systemctl", "show", "--property=ActiveState", "looks"])
    rehearsal.run("app1", ["sh", "-c", "touch /run/over; sleep 0.5; rm /run/over"])
    assert state.strip() == "ActiveState=active"
    switch(session, two, "bob")
    on = what_is_on(session)
    assert (on.current, on.previous, on.by) == (two, one, "bob")
    switch(session, two, "eve")  # twice is once
    assert what_is_on(session).by == "bob"
    # Cut off between the memory and the link: it never happened.
    cut = f's/]$/, {{"release": "{one}", "since": "2026-01-01T00:00:00Z", "by": "x"}}]/'
    rehearsal.run("app1", ["sed", "-i", cut, "/srv/stillhere/switched.json"])
    assert what_is_on(session) == on
    with pytest.raises(ChangeFailed, match="is not here"):
        switch(session, "f" * 12, "ada")


@pytest.mark.lab
def test_old_releases_go_with_what_only_they_had(
    rehearsal: Rehearsal, sessions: Sessions, hosts: tuple[Host, ...], small: Small
) -> None:
    releases = [small(number) for number in range(1, 5)]
    others = {
        python: dataclasses.replace(each, id="d" * 12)
        for python, each in releases[0].packages.items()
    }
    old = dataclasses.replace(releases[0], packages=others)
    session = sessions.of(hosts[0])
    for each in (old, *releases[1:]):
        brought(each, sessions, hosts[:1])
    switch(session, releases[1].id, "ada")
    switch(session, releases[2].id, "ada")
    gone = prune(session, most=1)
    assert (gone.releases, gone.packages) == ((old.id,), ("d" * 12,))
    on = what_is_on(session)
    assert [one.id for one in on.releases] == [each.id for each in releases[1:]]
    assert on.packages == (SMALL["3.13"],)
    assert (on.current, on.previous) == (releases[2].id, releases[1].id)
    served = sorted(files_in(rehearsal, "app1", "/srv/stillhere/static"))
    assert served == ["all.css", "web/2.css", "web/3.css", "web/4.css"]
    assert prune(session, most=1) == dataclasses.replace(gone, releases=(), packages=())
    with pytest.raises(ChangeFailed, match="in use"):
        session.ask("let_go", releases=[on.current], packages=[])
    with pytest.raises(ChangeFailed, match="in use"):
        session.ask("let_go", releases=[], packages=[SMALL["3.13"]])


@pytest.mark.lab
def test_a_cut_line_leaves_nothing_that_is_used(
    rehearsal: Rehearsal, fleet: Fleet, hosts: tuple[Host, ...], built: Release
) -> None:
    with sessions_with(fleet) as sessions:

        def cut(host: str, _count: int) -> None:
            if host == "app1":
                sessions.of(hosts[0]).close()

        broken, whole = bring(built, sessions, hosts, cut)
    assert "the upload broke off" in broken.trouble
    assert 0 < broken.sent_bytes < built.packages["3.13"].size_bytes
    assert whole.trouble == ""
    assert files_in(rehearsal, "app1", "/srv/stillhere/incoming") != []
    with sessions_with(fleet) as sessions:
        on = what_is_on(sessions.of(hosts[0]))
        assert (on.releases, on.packages) == ((), ())
        brought(built, sessions, hosts)
        assert what_is_on(sessions.of(hosts[0])).has(built.id)
    assert files_in(rehearsal, "app1", "/srv/stillhere/incoming") == []


@pytest.mark.lab
@pytest.mark.long
def test_an_agent_that_dies_while_it_unpacks_leaves_nothing_that_is_used(
    rehearsal: Rehearsal, fleet: Fleet, hosts: tuple[Host, ...], built: Release, small: Small
) -> None:
    python = built.packages["3.13"]
    # Its parent is what waits for the folder: the shell ends the newest agent then.
    script = f"""
    while [ ! -e /srv/stillhere/incoming/packages-{python.id}/django ]; do sleep 0.02; done
    kill -KILL $(pgrep -n -f 'import sys,json,types')
    """
    rehearsal.run("app1", ["systemd-run", "--unit=kills", "--quiet", "sh", "-c", script])
    with sessions_with(fleet) as sessions:
        (broken,) = bring(built, sessions, hosts[:1], nothing_told)
    assert "the connection broke when asked to unpack" in broken.trouble
    with sessions_with(fleet) as sessions:
        assert what_is_on(sessions.of(hosts[0])).packages == ()
        assert files_in(rehearsal, "app1", "/srv/stillhere/incoming") != []
        brought(small(1), sessions, hosts[:1])  # another one sweeps, too
        assert files_in(rehearsal, "app1", "/srv/stillhere/incoming") == []
        brought(built, sessions, hosts[:1])
        assert what_is_on(sessions.of(hosts[0])).has(built.id)


@pytest.mark.lab
def test_what_does_not_fit_is_said_before_anything_is_sent(
    sessions: Sessions, hosts: tuple[Host, ...], small: Small
) -> None:
    release = small(1)
    huge = dataclasses.replace(release.code, unpacked_bytes=10**15)
    results = bring(dataclasses.replace(release, code=huge), sessions, hosts, nothing_told)
    for each in results:
        assert "MB free; the release needs 20000000" in each.trouble
        assert each.sent_bytes == 0


@pytest.mark.lab
def test_what_did_not_arrive_as_sent_is_refused(
    sessions: Sessions, hosts: tuple[Host, ...], small: Small
) -> None:
    release = small(1)
    harmed = dataclasses.replace(release.code, sha256="0" * 64)
    (result,) = bring(dataclasses.replace(release, code=harmed), sessions, hosts[:1], nothing_told)
    assert "did not arrive as it was sent" in result.trouble
    assert what_is_on(sessions.of(hosts[0])).releases == ()


@pytest.mark.lab
def test_a_host_with_another_python_is_told_apart(
    sessions: Sessions, hosts: tuple[Host, ...], small: Small
) -> None:
    release = small(1)
    older = dataclasses.replace(release, packages={"3.11": release.packages["3.11"]})
    (result,) = bring(older, sessions, hosts[:1], nothing_told)
    assert "has Python 3.13; the release was built for 3.11" in result.trouble


@pytest.mark.parametrize(
    ("name", "kind"),
    [("../out", tarfile.REGTYPE), ("/out", tarfile.REGTYPE), ("a", tarfile.SYMTYPE),
     ("a", tarfile.LNKTYPE), ("a", tarfile.CHRTYPE), (".", tarfile.DIRTYPE)],
)  # fmt: skip
def test_an_archive_with_anything_but_its_own_files_is_refused(
    tmp_path: Path, name: str, kind: bytes
) -> None:
    path = tmp_path / "archive"
    with tarfile.open(path, "w:gz") as archive:
        about = tarfile.TarInfo(name)
        about.type, about.linkname = kind, "/etc/passwd"
        archive.addfile(about, io.BytesIO())
    with pytest.raises(Failed, match="is no file of a release"):
        unpack_file(str(path), str(tmp_path / "folder"))
    assert not (tmp_path / "out").exists()
