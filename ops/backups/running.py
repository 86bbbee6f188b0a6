"""The program `backups` is at work on a host, and an operator follows it: here.

It runs in a unit of its own there. So it goes on when our line breaks, and we follow it
again over a new one; Ctrl-C ends it.
"""

import contextlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from ops.deploy.desk import ASK_SECONDS, Desk
from ops.errors import ChangeFailed, Refused, Stopped, Unreachable
from provisioning.fleet import Host

LONGEST_SECONDS = 12 * 3600  # the addresses in a parcel are good for as long
SHORT_SECONDS = 300
OPEN_SECONDS = 3600  # for a moment it reads the head of each WAL file since the base
AWAY_SECONDS = 300.0  # a host that does not answer for so long is given up, its unit is not
PAUSE_SECONDS = 1.0
LAST_LINES = 6
_LEFT_ALONE = "/run/stillhere-by-hand/{0}/said and out on that host say how it ends."
WIPE = "\x1b[K"  # what ends each drawing of a progress line


@dataclass(frozen=True, slots=True)
class Job:
    """A command of the program, as an account of a host. `given` goes to its stdin: keys.

    `may_join`: one that is at work already is as good as ours.
    """

    words: tuple[str, ...]
    account: str
    given: str = field(default="", repr=False)
    may_join: bool = False

    @property
    def verb(self) -> str:
        """Return run, verify or restore."""
        return self.words[0]


@dataclass(frozen=True, slots=True)
class Ended:
    """How it has ended: `answer` is its JSON, {} when it says none; `words` are its last lines."""

    status: int
    answer: dict[str, Any]
    words: str


def ran(desk: Desk, host: Host, job: Job) -> dict[str, Any]:
    """Run it and return its JSON. ChangeFailed with its last words when it fails; see `tried`."""
    ended = tried(desk, host, job)
    if ended.status:
        raise ChangeFailed(_failed(host, job.verb, ended.status, ended.words))
    return ended.answer


def tried(desk: Desk, host: Host, job: Job) -> Ended:
    """Run it, show what it says, and return how it ends. Stopped when the operator ends it.

    ChangeFailed when nobody knows how: it was ended by somebody else.
    """
    said = desk.of(host).ask(
        "begin_backups",
        answer_seconds=2 * ASK_SECONDS,
        account=job.account,
        words=list(job.words),
        seconds=LONGEST_SECONDS,
        audit=desk.did(host, f"backups {job.verb}"),
        given=job.given,
    )
    if not said["is_new"]:
        _meet(desk, host, job)
    try:
        return _followed(desk, host, job)
    except Stopped:
        with desk.stopping.ignored():
            _stop(desk, host, job.verb)
        raise
    finally:
        desk.telling.progress("")


def answered(
    desk: Desk, host: Host, account: str, words: list[str], seconds: int = SHORT_SECONDS
) -> str:
    """Run what is short and return its stdout, which may be secret. ChangeFailed if it fails."""
    said = desk.of(host).ask(
        "backups",
        answer_seconds=seconds + ASK_SECONDS,
        account=account,
        words=words,
        seconds=seconds,
    )
    if said["status"]:
        raise ChangeFailed(_failed(host, words[0], said["status"], said["said"]))
    for line in said["said"].splitlines():
        desk.telling.say(f"  {host.name}  {line}")
    out: str = said["out"]
    return out


def _meet(desk: Desk, host: Host, job: Job) -> None:
    words = f"{host.name}: backups {job.verb} is at work already, begun by hand."
    if not job.may_join:
        raise Refused(f"{words} It goes on by itself; do this again when it is done.")
    desk.telling.say(f"  {words} This follows it.")


def _followed(desk: Desk, host: Host, job: Job) -> Ended:
    verb = job.verb
    offset, lines, rest = 0, list[str](), ""
    deadline = time.monotonic() + AWAY_SECONDS
    while True:
        try:
            said = desk.of(host).ask(
                "follow_backups", answer_seconds=ASK_SECONDS, verb=verb, offset=offset
            )
        except Unreachable as error:
            if time.monotonic() > deadline:
                how = "the same command follows it." if job.may_join else _LEFT_ALONE.format(verb)
                words = f"backups {verb} goes on there by itself; {how}"
                raise Unreachable(f"{error} {words}") from None
            desk.stopping.pause(PAUSE_SECONDS)
            continue
        deadline, offset = time.monotonic() + AWAY_SECONDS, said["offset"]
        *new, rest = (rest + said["said"]).replace(WIPE, "").split("\n")
        lines = [*lines, *filter(None, map(_last_drawn, new))][-LAST_LINES:]
        if shown := _last_drawn(rest) or next(iter(lines[-1:]), ""):
            desk.telling.progress(f"  {host.name}  {shown}")
        if said["state"] == "ended":
            return Ended(
                said["status"], _parsed(said["out"]), "\n".join([*lines, _last_drawn(rest)]).strip()
            )
        if said["state"] == "none":
            raise ChangeFailed(f"{host.name}: backups {verb} was ended there by somebody.")
        desk.stopping.check()
        if not said["said"]:
            desk.stopping.pause(PAUSE_SECONDS)


def _last_drawn(line: str) -> str:
    """Return what a terminal would show of a line that was drawn again and again."""
    return line.rpartition("\r")[2].strip()


def _parsed(out: str) -> dict[str, Any]:
    """Return its answer; {} for none, which it has when there was nothing to do."""
    with contextlib.suppress(ValueError):
        answer = json.loads(out)
        if isinstance(answer, dict):
            return answer
    return {}


def _failed(host: Host, verb: str, status: int, words: str) -> str:
    how = "was ended" if status < 0 else f"fails with {status}"
    return f"{host.name}: backups {verb} {how}:\n{words or 'it said nothing'}"


def _stop(desk: Desk, host: Host, verb: str) -> None:
    did = desk.did(host, f"end backups {verb}")
    desk.of(host).ask("stop_backups", answer_seconds=3 * ASK_SECONDS, verb=verb, audit=did)
