"""What a doctor has seen, and the lines that are said about it.

A subject is a module of this room with `questions` (what each host is asked, of
ops/agent/examining, by a name of the subject's own) and `lines` (a pure judgement
of the answers). A new one is added to SUBJECTS in ops/doctor/examine.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from provisioning.fleet import Fleet, Host, Machine

FLEET = "fleet"  # in the place of a host, for what is about all of them
Questions = dict[str, dict[str, Any]]


class Level(StrEnum):
    """How a line is meant. A note is no fault, and worth a look."""

    GREEN = "green"
    NOTE = "note"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what, which, why and what to do."""

    subject: str
    host: str
    level: Level
    words: str


@dataclass(frozen=True, slots=True)
class Clock:
    """How far a host's clock is ahead of ours; the answer took twice `unsure_seconds`."""

    ahead_seconds: float
    unsure_seconds: float


@dataclass(frozen=True, slots=True)
class Seen:
    """All answers. A host that was not reached is in `troubles` and nowhere else.

    `addresses` is what our resolver says of a public name; None: it does not know it.
    """

    fleet: Fleet
    machines: Mapping[str, Machine]
    clocks: Mapping[str, Clock]
    troubles: Mapping[str, str]
    answers: Mapping[str, Mapping[str, dict[str, Any]]]
    addresses: Mapping[str, frozenset[str] | None]

    def reached(self, *roles: str) -> Iterator[Host]:
        """Yield the hosts that answered, of these roles or of any."""
        for host in self.fleet.hosts:
            if host.name in self.answers and (not roles or host.role in roles):
                yield host

    def answer(self, host: Host, question: str) -> dict[str, Any]:
        """Return what the host said to a question; {"failed": why} when it could not."""
        return self.answers[host.name].get(question, {"failed": "it was not asked"})


class Subject(Protocol):
    """What a module of this room has."""

    def questions(self, fleet: Fleet, host: Host, machines: Mapping[str, Machine]) -> Questions:
        """Return what to ask a host; {} for nothing."""

    def lines(self, seen: Seen) -> Iterator[Line]:
        """Yield what is to be said."""


def not_examined(subject: str, host: Host, answer: Mapping[str, Any]) -> Line:
    """Return the line about a question that a host could not answer."""
    return Line(subject, host.name, Level.RED, f"could not be examined: {answer['failed']}")
