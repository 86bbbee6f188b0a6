"""Where the time of a failover goes: its steps, told while they are done, and kept."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from ops.deploy.telling import Step as Told
from ops.deploy.telling import Telling


@dataclass(slots=True)
class Steps:
    """The steps of one run. `seconds` by name; `moments` when something began, on `clock`."""

    telling: Telling
    clock: Callable[[], float] = time.monotonic
    seconds: dict[str, float] = field(default_factory=dict)
    moments: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, where: str) -> Iterator[Told]:
        """Do one step; its time is kept however it ends."""
        begin = self.moments[name] = self.clock()
        try:
            with self.telling.step(name, where) as told:
                yield told
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + self.clock() - begin
