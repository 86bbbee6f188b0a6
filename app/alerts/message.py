"""What a transport is given, and what it answers. Pure values: sending needs no database."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from app.checks.schedule import Kind, Schedule

DOWN, UP = "down", "up"
MAX_ERROR_CHARS = 200
_UNITS = ((604_800, "week"), (86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


class Verdict(StrEnum):
    """What became of an attempt."""

    SENT = "sent"
    RETRY = "retry"
    REFUSED = "refused"  # this one cannot be sent; the channel may be all right
    GONE = "gone"  # nobody is there any more: the channel is disabled


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt, with the reason when it failed."""

    verdict: Verdict
    error: str = ""

    @classmethod
    def sent(cls) -> "Outcome":
        """Say that the other end has taken it."""
        return cls(Verdict.SENT)

    @classmethod
    def retry(cls, error: str) -> "Outcome":
        """Say that a later attempt may succeed."""
        return cls(Verdict.RETRY, printable(error))

    @classmethod
    def refused(cls, error: str) -> "Outcome":
        """Say that this message cannot be sent to the channel as it is set up."""
        return cls(Verdict.REFUSED, printable(error))

    @classmethod
    def gone(cls, error: str) -> "Outcome":
        """Say that no later attempt will succeed."""
        return cls(Verdict.GONE, printable(error))


@dataclass(frozen=True, slots=True)
class CheckFacts:
    """What is said of a check. Its name may be empty.

    `last_ping_at`, `body` and `exit_status` are of the last ping up to the flip.
    `as_json` is the object of the management API, when the channel asks for it.
    """

    code: UUID
    name: str
    slug: str
    tags: str
    schedule: Schedule
    grace_seconds: int
    last_ping_at: datetime | None
    body: bytes
    exit_status: int | None
    as_json: str


@dataclass(frozen=True, slots=True)
class Message:
    """One notification, ready to be sent. Without a check it is a test.

    `may_be_repeated`: the database failed over since, and may have forgotten that it was sent.
    """

    notification: UUID
    channel: UUID
    channel_name: str
    project: str
    config: dict[str, Any]
    status: str
    reason: str
    flip_at: datetime
    sent_at: datetime
    check: CheckFacts | None
    may_be_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """A notification that this process has claimed. `attempt` counts from 1."""

    pk: int
    channel_id: int
    kind: str
    is_test: bool
    is_failing: bool
    attempt: int


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a job."""

    job: Job
    outcome: Outcome
    took_seconds: float = 0.0


class Transport(Protocol):
    """One kind of channel: a module in transports/. Neither verb touches the database."""

    def wants(self, config: Any, status: str) -> bool:
        """Return True when the channel is told of flips to `status`. Never raises."""
        ...

    def send(self, message: Message) -> Outcome:
        """Send it. Expected failures are outcomes; it may take as long as its time-outs."""
        ...


def printable(text: str) -> str:
    """Return the text on one line, without what a database or a terminal stumbles over."""
    line = "".join(char if char.isprintable() else " " for char in text)
    return " ".join(line.split())[:MAX_ERROR_CHARS]


def in_words(schedule: Schedule) -> str:
    """Return the schedule as a person would say it."""
    if schedule.kind == Kind.SIMPLE:
        return f"every {seconds_in_words(schedule.period_seconds)}"
    kind = "cron" if schedule.kind == Kind.CRON else "OnCalendar"
    return f"{kind} {'; '.join(schedule.expression.splitlines())} ({schedule.tz})"


def seconds_in_words(seconds: int) -> str:
    """Return a length exactly, its largest units first: "1 day 12 hours"."""
    parts: list[str] = []
    for size, unit in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}" if count == 1 else f"{count} {unit}s")
    return " ".join(parts) or "0 seconds"
