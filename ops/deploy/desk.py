"""All that a procedure works with: this is where it lies together."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from ops.audit import Audit, operator
from ops.deploy.stopping import Stopping
from ops.deploy.telling import Telling
from ops.errors import Refused, Unreachable
from ops.reading import MOST_AT_ONCE, Sessions
from ops.remote import Session
from provisioning.fleet import Fleet, Host, Role

T = TypeVar("T")
ASK_SECONDS = 60
WITHOUT = "Leave these hosts out, with commas between: they are down, and stay as they are."


@dataclass(frozen=True, slots=True)
class Desk:
    """One procedure on one fleet. `without`: hosts that the operator leaves out."""

    fleet: Fleet
    sessions: Sessions
    audit: Audit
    telling: Telling
    stopping: Stopping
    without: frozenset[str] = frozenset()

    @property
    def who(self) -> str:
        """Return the operator."""
        return operator()

    @property
    def without_words(self) -> str:
        """Return the option that a command which goes on needs; "" for none."""
        return f" --without {','.join(sorted(self.without))}" if self.without else ""

    def hosts(self, *roles: Role) -> tuple[Host, ...]:
        """Return the hosts that take part, of these roles or of all, as in the inventory."""
        wanted = roles or tuple(Role)
        return tuple(
            host
            for host in self.fleet.hosts
            if host.role in wanted and host.name not in self.without
        )

    def of(self, host: Host) -> Session:
        """Return the session with a host."""
        return self.sessions.of(host)

    def reach(self, host: Host) -> None:
        """Have a line to a host that works; HostError when there is none.

        One that broke is noticed only when somebody asks; the second try is over a new one.
        """
        try:
            self.of(host).ask("boot", answer_seconds=ASK_SECONDS)
        except Unreachable:
            self.of(host).ask("boot", answer_seconds=ASK_SECONDS)

    def did(self, host: Host, words: str) -> str:
        """Keep here that something is done; return the line for the host's journal."""
        self.audit.keep(host.name, "made", words)
        return self.audit.line(words)


def left_out(fleet: Fleet, words: str) -> frozenset[str]:
    """Return the hosts of a --without: names with commas between. Refused for one that is none."""
    names = frozenset(word.strip() for word in words.split(",") if word.strip())
    if unknown := names - {host.name for host in fleet.hosts}:
        raise Refused(f"--without {', '.join(sorted(unknown))}: the fleet has no such host.")
    return names


def at_once(act: Callable[[Host], T], hosts: Iterable[Host]) -> list[T]:
    """Do something on hosts in parallel; the first error is raised when all have ended."""
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return list(pool.map(act, hosts))
