"""All hosts are asked at once, and every subject judges: this is where a diagnosis is made."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ops.doctor import (
    backends,
    backups,
    certificates,
    clocks,
    database,
    disks,
    health,
    mail,
    names,
    reach,
    replication,
    served,
    units,
)
from ops.doctor.seen import Clock, Line, Questions, Seen, Subject
from ops.errors import HostError
from ops.facts import observed
from ops.reading import LOOK_SECONDS, MOST_AT_ONCE, Sessions
from provisioning.fleet import Fleet, Host, Machine

# In the order in which they are told.
SUBJECTS: tuple[Subject, ...] = (
    reach,
    clocks,
    disks,
    units,
    certificates,
    served,
    names,
    replication,
    database,
    backups,
    mail,
    health,
    backends,
)


def examine(fleet: Fleet, sessions: Sessions, is_done: Callable[[], None]) -> tuple[Line, ...]:
    """Return every line about the fleet; nothing is changed anywhere.

    What a host is asked may depend on what the others are, so that all say that first.
    """
    troubles: dict[str, str] = {}
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        looked_up = {name: pool.submit(names.resolved, name) for name in (fleet.site, fleet.pings)}

        def first(host: Host) -> tuple[Machine, Clock] | None:
            try:
                return _machine(sessions, host)
            except HostError as error:
                troubles[host.name] = str(error)
                return None

        met = dict(zip(fleet.hosts, pool.map(first, fleet.hosts), strict=True))
        machines = {host.name: one[0] for host, one in met.items() if one}

        def second(host: Host) -> dict[str, Any]:
            try:
                return _answers(sessions, host, questions(fleet, host, machines))
            except HostError as error:
                troubles[host.name] = str(error)
                return {}
            finally:
                is_done()

        reached = [host for host, one in met.items() if one]
        answers = dict(zip(reached, pool.map(second, reached), strict=True))
    seen = Seen(
        fleet,
        machines,
        {host.name: one[1] for host, one in met.items() if one},
        troubles,
        {host.name: some for host, some in answers.items() if host.name not in troubles},
        {name: future.result() for name, future in looked_up.items()},
    )
    return tuple(line for subject in SUBJECTS for line in subject.lines(seen))


def questions(fleet: Fleet, host: Host, machines: dict[str, Machine]) -> Questions:
    """Return what all subjects ask a host."""
    asked: Questions = {}
    for subject in SUBJECTS:
        asked |= subject.questions(fleet, host, machines)
    return asked


def _machine(sessions: Sessions, host: Host) -> tuple[Machine, Clock]:
    session = sessions.of(host)
    session.ask("observe", answer_seconds=LOOK_SECONDS, resources=[])
    begin = time.time()  # only now: the agent had to start first
    machine = observed(session.ask("observe", answer_seconds=LOOK_SECONDS, resources=[])).machine
    end = time.time()
    return machine, Clock(machine.now - (begin + end) / 2, (end - begin) / 2)


def _answers(sessions: Sessions, host: Host, asked: Questions) -> dict[str, Any]:
    answer = sessions.of(host).ask("examine", answer_seconds=LOOK_SECONDS, questions=asked)
    return dict(answer["answers"])
