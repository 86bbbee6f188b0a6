"""Which commit is meant, and is all of it committed? This is where git is asked."""

import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ops.errors import BuildFailed

# What a release is made of, of those that a commit has.
RELEASED = ("app", "backups", "watchdog", "manage.py")
REQUIREMENTS = "requirements/base.txt"
GIT_SECONDS = 60
MOST_SHOWN = 10
MOST_SUBJECT = 120  # characters


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. `id` has all 40 digits."""

    id: str
    subject: str
    made_at: datetime

    @property
    def release_id(self) -> str:
        """Return what its release is called on hosts."""
        return self.id[:12]


def find_commit(root: Path, name: str) -> Commit:
    """Return the commit of that name; "" means HEAD, and a checkout that is HEAD's.

    BuildFailed says what is not committed. What lies elsewhere in the checkout, an
    inventory for one, goes into no release and is not asked about.
    """
    if not name:
        _refuse_dirty(root)
    # Without it, who has git verify signatures would get that before anything else.
    plainly = ("--no-show-signature", "--no-patch", "--format=%H%n%ct%n%s")
    shown = git(root, "show", *plainly, _resolved(root, name or "HEAD"))
    identity, seconds, subject, *_ = (shown + "\n").split("\n")
    return Commit(identity, _printable(subject), datetime.fromtimestamp(int(seconds), UTC))


def export(root: Path, commit: Commit, folder: Path) -> None:
    """Write what a release is made of, and the list of packages, into an empty folder."""
    there = set(git(root, "ls-tree", "--name-only", commit.id).split("\n"))
    wanted = [name for name in RELEASED if name in there]
    archive = folder.with_name(folder.name + ".tar")
    git(root, "archive", f"--output={archive}", commit.id, "--", *wanted, REQUIREMENTS)
    subprocess.run(
        ["tar", "--extract", "--file", str(archive), "--directory", str(folder)],
        check=True,
        timeout=GIT_SECONDS,
    )
    archive.unlink()


def git(root: Path, *arguments: str) -> str:
    """Return what git prints. BuildFailed with its own words when it fails."""
    done = subprocess.run(
        ["git", "-C", str(root), *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",  # a subject may be anything
        timeout=GIT_SECONDS,
        check=False,
    )
    if done.returncode:
        raise BuildFailed(f"git {arguments[0]} in {root}: {done.stderr.strip()}")
    return done.stdout.rstrip("\n")


def _printable(subject: str) -> str:
    """Return it as an operator's terminal may show it: a line, and nothing that steers it."""
    line = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in subject)
    return line if len(line) <= MOST_SUBJECT else f"{line[:MOST_SUBJECT]}..."


def _resolved(root: Path, name: str) -> str:
    try:
        return git(
            root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}"
        )
    except BuildFailed:
        raise BuildFailed(
            f"{name!r} is no commit in {root}. Name one that is there, or fetch it first."
        ) from None


def _refuse_dirty(root: Path) -> None:
    # Said here, since git may have been told to say nothing of files that were never added.
    asked = ("status", "--porcelain", "--untracked-files=normal")
    lines = git(root, *asked, "--", *RELEASED, REQUIREMENTS).splitlines()
    if lines:
        shown = "".join(f"\n    {line}" for line in lines[:MOST_SHOWN])
        more = f"\n    and {len(lines) - MOST_SHOWN} more" if len(lines) > MOST_SHOWN else ""
        raise BuildFailed(
            f"Not all of {root} is committed, and a release is a commit:{shown}{more}\n"
            "Commit or stash it, or name the commit that you mean (--commit HEAD)."
        )
