"""A host without a cluster gets one as a standby: a copy of the primary's, made here.

    python3 -m provisioning.programs.standing_by 17 SLOT [--reclone]

It waits for a primary to answer, and never touches a cluster that is there, unless
--reclone says that this one, which is stopped, is to be replaced. While the mark stands,
what is there is no cluster to anybody: a power cut leaves something that the next try
clears away. It goes when the copy is whole, has its standby.signal, and is on the disk.
"""

import fcntl
import glob
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from provisioning.programs import database_peers
from provisioning.programs.database_peers import Answer, Peer, speak, way_to
from provisioning.programs.start_guard import MARKER

MARK = Path("/var/lib/stillhere/cluster-in-the-making")  # known to ops/agent/seeing, too
UNPROVED = Path("/var/lib/stillhere/standby-not-seen-streaming")
LOCK = Path("/run/stillhere-standing-by")
STANDBY = "standby"  # the second line of the mark: all of it is a copy
FIRST_OF_PEOPLE = 16384  # the lowest number of a database that somebody has made
WAIT_SECONDS = 180  # its first apply may run at this moment, beside ours
SLOT_SECONDS = 60  # the primary needs a while to see that our old standby is gone
PAUSE_SECONDS = 2.0
COPY_SECONDS = 6 * 3600
ACT_SECONDS = 120


class Failed(Exception):
    """There is no standby; the text is for the operator."""


def main(arguments: Sequence[str]) -> int:
    """Make the standby; exit 1 with the reason on stderr when there is none."""
    version, slot, *options = arguments
    try:
        with only_one():
            make(version, slot, is_reclone="--reclone" in options)
    except (Failed, OSError, ValueError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def make(version: str, slot: str, *, is_reclone: bool) -> None:
    """Copy the primary, once one is heard and may be copied. What is there is looked at first."""
    data = Path(f"/var/lib/postgresql/{version}/main")
    is_begun = may_be_cleared_away(version)
    if not is_begun and not is_reclone:
        refuse_if_anything_is_there()
    peer, answer = wait_for_primary(version)
    # A boot may have started what was begun.
    act(["systemctl", "stop", f"postgresql@{version}-main.service"])
    MARK.parent.mkdir(parents=True, exist_ok=True)
    write_synced(MARK, f"{version}/main\n{STANDBY}\n")
    if is_begun:
        shutil.rmtree(f"/etc/postgresql/{version}/main", ignore_errors=True)
        shutil.rmtree(data, ignore_errors=True)
    configure(version)
    empty(data)
    have_slot(peer, answer.address, slot)
    copy(version, data, peer, answer.address, slot)
    write_synced(UNPROVED, "")
    write_synced(data / "standby.signal", "", like=data)
    MARKER.unlink(missing_ok=True)  # of what was here before
    for there in (f"/etc/postgresql/{version}/main", str(data)):
        act(["sync", "--file-system", there])
    MARK.unlink()
    sync_folder(MARK.parent)


def may_be_cleared_away(version: str) -> bool:
    """Tell whether what is there is what a power cut has left of one in the making.

    Failed when the mark is of a first cluster, and somebody has used that one since.
    """
    try:
        made, *more = MARK.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return False
    if made != f"{version}/main":
        raise Failed(f"{MARK} is of {made}, not of {version}/main: look what is there.")
    if STANDBY not in more:
        numbers = glob.glob(f"/var/lib/postgresql/{made}/base/[0-9]*")
        if any(int(Path(one).name) >= FIRST_OF_PEOPLE for one in numbers):
            raise Failed(
                f"/var/lib/postgresql/{made} has somebody's databases: rm {MARK} if it is to be "
                "kept."
            )
    return True


def refuse_if_anything_is_there() -> None:
    """Raise Failed for any cluster, or what is left of one."""
    for there in (*glob.glob("/etc/postgresql/*/*"), *glob.glob("/var/lib/postgresql/[0-9]*/*")):
        raise Failed(
            f"{there} is there: a cluster is never replaced by an apply. If nobody wants it, and "
            f"what it is left of was dropped: rm -r {there}"
        )


def wait_for_primary(version: str) -> tuple[Peer, Answer]:
    """Return the one primary, as soon as it answers. Failed when none does, or two do."""
    peers, deadline = database_peers.peers_in(), time.monotonic() + WAIT_SECONDS
    while True:
        answers = [database_peers.ask(one, socket.gethostname()) for one in peers]
        primaries = [pair for pair in zip(peers, answers, strict=True) if pair[1].is_primary]
        if len(primaries) > 1:
            names = " and ".join(one.name for _, one in primaries)
            raise Failed(f"{names} both take writes: of which one is this to be a standby?")
        if primaries:
            refuse_another_version(*primaries[0], version)
            return primaries[0]
        if time.monotonic() > deadline:
            said = "; ".join(f"{one.name}: {one.said or 'a standby'}" for one in answers)
            raise Failed(f"No primary has answered within {WAIT_SECONDS} s. {said}")
        time.sleep(PAUSE_SECONDS)


def refuse_another_version(peer: Peer, answer: Answer, version: str) -> None:
    """Raise Failed when the primary's files are not of our version."""
    done = speak(peer, answer.address, socket.gethostname(), ["SHOW server_version_num"])
    theirs = done.stdout.strip()[:-4]
    if done.returncode == 0 and theirs != version:
        raise Failed(
            f"{peer.name} is PostgreSQL {theirs}, this host has {version}: a standby has its "
            "primary's version. Both hosts need the same release of Debian."
        )


def configure(version: str) -> None:
    """Let Debian's tool make settings and directories as for any cluster; its data is not used."""
    if not os.path.exists(f"/etc/postgresql/{version}/main/postgresql.conf"):
        act(["pg_createcluster", version, "main"])
        # Ours comes next.
        Path(f"/etc/postgresql/{version}/main/pg_hba.conf").unlink()


def empty(folder: Path) -> None:
    """Delete what is in a folder; it may be where a disk is mounted."""
    for each in folder.iterdir():
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
        else:
            each.unlink()


def have_slot(peer: Peer, address: str, slot: str) -> None:
    """Have a slot at the primary that keeps WAL from now on.

    One that is there may have lost its WAL, or keeps far too much: it is made anew.
    """
    own, deadline = socket.gethostname(), time.monotonic() + SLOT_SECONDS
    while speak(peer, address, own, [f"READ_REPLICATION_SLOT {slot}"]).stdout.startswith("phys"):
        dropped = speak(peer, address, own, [f"DROP_REPLICATION_SLOT {slot}"])
        if dropped.returncode and time.monotonic() > deadline:
            raise Failed(f"{peer.name}: the slot {slot} is in use: {dropped.stderr.strip()}")
        time.sleep(PAUSE_SECONDS if dropped.returncode else 0)
    made = speak(peer, address, own, [f"CREATE_REPLICATION_SLOT {slot} PHYSICAL (RESERVE_WAL)"])
    # An apply of the primary may make it in this very moment.
    if made.returncode and "already exists" not in made.stderr:
        raise Failed(f"{peer.name}: no slot {slot}: {made.stderr.strip()}")


def copy(version: str, data: Path, peer: Peer, address: str, slot: str) -> None:
    """Copy all of the primary's data; its checksums are looked at on the way."""
    way = way_to(peer, address, socket.gethostname()).replace(" replication=true", "")
    command = ["runuser", "-u", "postgres", "--", database_peers.program("pg_basebackup", version)]
    command += [f"--dbname={way}", f"--pgdata={data}", "--wal-method=stream", f"--slot={slot}"]
    command += ["--checkpoint=fast", "--no-password"]
    act(command, COPY_SECONDS)


def act(command: list[str], seconds: int = ACT_SECONDS) -> None:
    """Run a command. Failed with its last words."""
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", timeout=seconds,
        cwd="/", env=environment,
    )  # fmt: skip
    if done.returncode:
        name = Path(command[4] if command[0] == "runuser" else command[0]).name
        raise Failed(f"{name}: exit {done.returncode}. {done.stderr.strip()[-1000:]}")


def write_synced(path: Path, text: str, like: Path | None = None) -> None:
    """Write a small file to the disk, its name included; its owner is that of `like`."""
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        if like:
            about = like.stat()
            os.fchown(file.fileno(), about.st_uid, about.st_gid)
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Make names that were made or taken away survive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def only_one() -> Iterator[None]:
    """Keep a second one away: an operator's line may break while the copy goes on."""
    with LOCK.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failed("A standby is being made here already. Wait, then apply.") from None
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
