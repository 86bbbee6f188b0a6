"""The fleet's two database hosts as an operator sees them, and the product that writes to one."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from ops.errors import LabError
from ops.lab import faults, fleet
from ops.lab.drill.commands import fab
from ops.lab.drill.failover import Clients, Drill
from ops.lab.drill.ledger import Account
from ops.lab.drill.product import DATABASES, Product
from ops.lab.plan import HOSTS, Lab
from tests.ops.deploy.stage import Stage
from tests.ops.failover.troubles import database_unit
from tests.ops.operator import under_way

STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Pair:
    """Both database hosts of a lab with a deployed product; either may be the primary."""

    stage: Stage
    product: Product

    @property
    def lab(self) -> Lab:
        return self.product.lab

    @property
    def drill(self) -> Drill:
        return Drill(self.product, lambda _: None)

    def fab(self, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return fab(verb, *arguments, "--fleet", str(self.stage.fleet.path))

    def failover(self, to: str, *options: str) -> subprocess.CompletedProcess[str]:
        return self.fab("db.failover", *_to(to), *options)

    def roles(self) -> tuple[str, str]:
        """Return who is primary and who is standby."""
        return self.product.primary(), self.product.standby()

    def streams(self) -> bool:
        """Tell whether there is exactly one primary, from which the other one streams."""
        with suppress(LabError):
            primaries = self.product.primaries()
            return len(primaries) == 1 and self.product.psql(primaries[0], STREAMING) == "1"
        return False

    def operator(self, to: str, *options: str) -> AbstractContextManager["subprocess.Popen[str]"]:
        """Give a failover that is under way, with all that it says; killed at the end."""
        where = ("--fleet", str(self.stage.fleet.path))
        return under_way("db.failover", *_to(to), *options, *where)

    @contextmanager
    def promised(self) -> Iterator[None]:
        """Have clients ping meanwhile: none is refused, and each yes is in the table, once."""
        with Drill(self.product, lambda _: None, pingers=2).clients() as clients:
            yield
            time.sleep(2)
        said: dict[str, Any] = clients.traffic.values
        refused = [one for one in said["spells"] if "pings" in one["kind"]]
        assert refused == [], refused
        self.keeps(clients)

    def keeps(self, clients: Clients) -> None:
        found = self.product.settled(clients.acknowledged, SECONDS)
        assert found == Account(len(clients.acknowledged), lost=0, doubled=0)
        assert found.acknowledged > 0

    def heal(self) -> None:
        """Bring both back to where one follows the other, by what an operator has."""
        faults.clear(self.lab)
        fleet.up(self.lab, HOSTS, None, lambda _: None)
        with suppress(AssertionError):
            until(self.streams, "one to follow the other", seconds=15)
            return
        for name in DATABASES:
            if "cannot be undone" in self.failover(name, "--undo").stderr:
                self.failover(name)
        if not self.product.primaries():
            for name in DATABASES:
                self.failover(name, "--primary-lost")
        (primary,) = self.product.primaries()
        (other,) = (name for name in DATABASES if name != primary)
        self.fab("db.rejoin", other, "--confirm", other)
        if not self.streams():
            self.fab("db.fence", other, "--confirm", other)
            self.fab("db.standby", other, "--reclone", "--confirm", other)
        until(self.streams, "one to follow the other")

    def unit(self, host: str) -> str:
        return database_unit(self.product, host)


def until(is_so: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
    """Wait as long as a busy machine may need."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"waited for {what} in vain"
        time.sleep(0.3)


def _to(host: str) -> list[str]:
    return ["--to", host, "--confirm", host]
