"""All hosts at once: this is where sessions are opened and a plan is made of what they say."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ops.changes import changes
from ops.errors import HostError, Locked
from ops.facts import observed, question
from ops.plan import HostPlan, Plan
from ops.remote import Session
from ops.secrets import Secret
from provisioning.errors import Contradiction
from provisioning.fleet import Fleet, Host, Machine
from provisioning.resources import Resource
from provisioning.roles import resources_of

MOST_AT_ONCE = 16
LET_GO_SECONDS = 60.0  # a dead line lets go within 45
PAUSE_SECONDS = 1.0
LOOK_SECONDS = 60  # a host that has not looked at itself by then hangs


class Sessions:
    """The open sessions of a command, by host; a host that cannot be reached has none."""

    def __init__(self, fleet: Fleet, hold: tuple[str, str] | None) -> None:
        self._fleet, self._hold = fleet, hold
        self._open: dict[str, Session] = {}

    def of(self, host: Host) -> Session:
        """Return the session with the host, opened at the first time, and after one that broke.

        HostError when it cannot be; Locked when another operator has the host.
        """
        session = self._open.get(host.name)
        if session and not session.is_open:
            return self._again(host)
        if not session:
            session = self._open[host.name] = self._held(Session(self._fleet, host))
        return session

    def _again(self, host: Host) -> Session:
        """Return a new session; the host may not have noticed yet that ours is gone."""
        deadline = time.monotonic() + LET_GO_SECONDS
        while True:
            try:
                return self.reopened(host)
            except Locked as error:
                if not self._is_ours(str(error)) or time.monotonic() > deadline:
                    raise
            time.sleep(PAUSE_SECONDS)

    def _is_ours(self, said: str) -> bool:
        who, why = self._hold or ("", "")
        return f" is held by {who} since " in said and f": {why}." in said

    def _held(self, session: Session) -> Session:
        """Return it when it holds its host, if that is wanted; else it is closed."""
        if not self._hold:
            return session
        who, why = self._hold
        try:
            said = session.ask("lock", answer_seconds=LOOK_SECONDS, who=who, why=why)
        except HostError:
            session.close()
            raise
        if held_by := said.get("held_by"):
            session.close()
            name = session.host.name
            raise Locked(f"{name} is held by {held_by}. Wait, or ask them to stop.")
        return session

    def reopened(self, host: Host) -> Session:
        """Return a new session with a host that has ended the old one, or is about to."""
        if old := self._open.pop(host.name, None):
            old.close()
        return self.of(host)

    def close(self) -> None:
        """End them all."""
        for session in self._open.values():
            session.close()


@contextmanager
def sessions_with(fleet: Fleet, hold: tuple[str, str] | None = None) -> Iterator[Sessions]:
    """Keep sessions for a command. `hold`: who and why; another operator is then kept out."""
    sessions = Sessions(fleet, hold)
    try:
        yield sessions
    finally:
        sessions.close()


def read_plan(
    fleet: Fleet,
    secrets: Mapping[str, Secret],
    sessions: Sessions,
    is_done: Callable[[], None],
) -> Plan:
    """Ask every host and return what each needs. Locked when another operator is at work.

    Costs per host: one connection, two questions. The second one is asked when all
    hosts have answered the first: what a host needs may depend on the others.
    """
    with ThreadPoolExecutor(min(len(fleet.hosts), MOST_AT_ONCE)) as pool:
        answers = dict(pool.map(lambda host: (host.name, _machine(sessions, host)), fleet.hosts))
        machines = {name: one for name, one in answers.items() if isinstance(one, Machine)}
        plain = {name: one.reveal() for name, one in secrets.items()}

        def read(host: Host) -> HostPlan:
            try:
                answer = answers[host.name]
                if not isinstance(answer, Machine):
                    return HostPlan(host, trouble=answer)
                desired = resources_of(fleet, host, machines, plain)
                answered = _observe(sessions, host, desired)
                return HostPlan(
                    host, changes(desired, observed(answered)), is_new=not answer.applied
                )
            except (HostError, Contradiction) as trouble:
                return HostPlan(host, trouble=str(trouble))
            finally:
                is_done()

        return Plan(fleet, tuple(pool.map(read, fleet.hosts)))


def _machine(sessions: Sessions, host: Host) -> Machine | str:
    """Return the first answer of a host, or why there is none."""
    try:
        return observed(_observe(sessions, host, ())).machine
    except HostError as trouble:
        return str(trouble)


def _observe(sessions: Sessions, host: Host, desired: Sequence[Resource]) -> dict[str, Any]:
    return sessions.of(host).ask(
        "observe", answer_seconds=LOOK_SECONDS, resources=question(desired)
    )
