"""The kinds of things that a server is made of: values that say how each should be.

A role is a tuple of them in the order in which they are put in place. `ops` reads
what is there, tells the difference and applies it; nothing here touches a host.

    File Directory Link Package User Unit Sysctl Command
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class File:
    """A file with exactly this content; `content=None` means that it is not there.

    `validate` is a command whose "{}" becomes the path of the new file beside
    the live one: it goes live only when the command exits 0. A secret file's
    content is in no plan, diff or log.
    """

    path: str
    content: str | None = field(repr=False)
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    validate: tuple[str, ...] = ()
    secret: bool = False

    @property
    def key(self) -> str:
        """Return what plans call it."""
        return f"file {self.path}"


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory; what is in it is not its business."""

    path: str
    mode: int = 0o755
    owner: str = "root"
    group: str = "root"

    @property
    def key(self) -> str:
        """Return what plans call it."""
        return f"directory {self.path}"


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link, swapped atomically."""

    path: str
    target: str

    @property
    def key(self) -> str:
        """Return what plans call it."""
        return f"link {self.path}"


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the distribution, in whatever version it has; or purged."""

    name: str
    present: bool = True

    @property
    def key(self) -> str:
        """Return what plans call it."""
        return f"package {self.name}"


@dataclass(frozen=True, slots=True)
class User:
    """A system account without a password, with a home only if one is named."""

    name: str
    home: str = "/nonexistent"
    groups: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return what plans call it."""
        return f"user {self.name}"


@dataclass(frozen=True, slots=True)
class Unit:
    """A systemd unit. `reads` are the paths of files whose change it has to be told of.

    `rereads` are those whose change takes no more than a reload.
    The host keeps a digest of what the unit read when it was last (re)started by
    us, so that an apply that was cut short is finished by the next one.
    `running=None` leaves it as it is (a oneshot). `waits_for`: a path without which
    it is right that it does not run, as its own ConditionPathExists says.
    `guarded`: a mistake could lock us out: it is taken back by itself unless a new
    connection confirms it. `asks`: a command that exits 0 when it could be started;
    one that could not is not stopped for a restart.
    """

    name: str
    enabled: bool | None = True
    running: bool | None = True
    reads: tuple[str, ...] = ()
    on_change: Literal["restart", "reload"] = "restart"
    rereads: tuple[str, ...] = ()
    waits_for: str = ""
    guarded: bool = False
    asks: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return what plans call it."""
        return f"unit {self.name}"


@dataclass(frozen=True, slots=True)
class Sysctl:
    """A kernel setting, now and after a reboot (its file is the role's business)."""

    name: str
    value: str

    @property
    def key(self) -> str:
        """Return what plans call it."""
        return f"sysctl {self.name}"


@dataclass(frozen=True, slots=True)
class Command:
    """A guarded command: `check` exits 0 when there is nothing to do; else its output says why.

    `stdin` may hold a secret; argv never does. `reads`: paths of files whose change
    is a reason to run, since the check saw those that are there. `seconds` is how long
    it may take.
    """

    name: str
    check: tuple[str, ...]
    run: tuple[str, ...]
    stdin: str = field(default="", repr=False)
    reads: tuple[str, ...] = ()
    seconds: int = 900

    @property
    def key(self) -> str:
        """Return what plans call it."""
        return f"command {self.name}"


Resource = File | Directory | Link | Package | User | Unit | Sysctl | Command
