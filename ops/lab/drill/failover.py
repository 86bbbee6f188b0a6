"""The failover drill: a planned and an unplanned one under load, with a ledger.

Clients ping and read pages through both balancers all the time, a writer writes on an
application server. Afterwards each acknowledged token has to be in the table of the new
primary, once.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from ops.errors import LabError
from ops.lab import faults, fleet, hosts
from ops.lab.drill import figures, load, programs
from ops.lab.drill.commands import must_fab
from ops.lab.drill.product import AS_THE_PRODUCT, Product
from ops.lab.drill.programs import Said
from ops.lab.drill.stand import applied_lab, fleet_of

PREFIX = "drill"
CHECKS = 50  # each keeps a thousand pings
PINGERS = 8  # on kept connections, for each door
PING_SECONDS = 0.2
PAGE_SECONDS = 0.5
WRITE_SECONDS = 0.01
BEFORE_SECONDS, AFTER_SECONDS = 8.0, 12.0
CUT_SECONDS, MOST_CUT_SECONDS = 5.0, 120.0
LEAST_MISSING = 1_500
SETTLED_SECONDS = 180.0  # on a machine that is busy with ten hosts
STREAMING_SECONDS = 60.0
# What the failover says of itself; `write_gap_seconds` is measured by our writer, from outside.
_REPORTED = {
    "reported_gap_seconds": "write_gap_seconds",
    "parts": "parts",
    "steps": "seconds",
    "last_transaction_seconds": "lost_seconds",
    "timeline": "timeline",
    "old_primary": "rejoin",
}


def drill(
    prefix: str, say: Callable[[str], None], told: Callable[[str, dict[str, Any]], None]
) -> None:
    """Do both, on the lab of that prefix; it comes and goes with us unless it is up already.

    `told` is given the kind and the figures of each as soon as they are there.
    """
    with applied_lab(prefix, prefix, say) as (lab, _):
        say("deploying what is committed")
        must_fab("deploy", "--fleet", fleet_of(lab), "--commit", "HEAD", "--yes")
        say("taking a backup, and seeing that it comes back")
        for verb in ("backup.now", "backup.drill"):
            must_fab(verb, "--fleet", fleet_of(lab))
        rehearsal = Drill(Product(lab), say)
        told("planned", rehearsal.planned())
        told("unplanned", rehearsal.unplanned())


@dataclass(slots=True)
class Clients:
    """What clients and writer say at the end."""

    traffic: Said = field(default_factory=Said)
    writer: Said = field(default_factory=Said)

    @property
    def acknowledged(self) -> list[str]:
        """Return the tokens that were answered with a yes."""
        return list(self.traffic.values["acknowledged"])


@dataclass(frozen=True, slots=True)
class Drill:
    """Failovers of a deployed product."""

    product: Product
    say: Callable[[str], None]
    pingers: int = PINGERS

    def planned(self) -> dict[str, Any]:
        """Fail over to the standby while all is well."""
        old, new = self.product.primary(), self.product.standby()
        self._wait_for_streaming(old)
        with self.clients() as clients:
            time.sleep(BEFORE_SECONDS)
            self.say(f"planned failover from {old} to {new}")
            done = self._fail_over(new)
            time.sleep(AFTER_SECONDS)
        found = self._reckoned(clients, new) | done
        self._wait_for_streaming(new)
        return found

    def unplanned(self) -> dict[str, Any]:
        """Cut the replication, kill the primary, and fail over to what the standby has."""
        old, new = self.product.primary(), self.product.standby()
        self._wait_for_streaming(old)
        with self.clients() as clients:
            time.sleep(BEFORE_SECONDS)
            cut_seconds, missing = self._lose(old, new)
            self.say(f"{old} is dead; {missing} pings of its table are not on {new}")
            done = self._fail_over(new, "--primary-lost")
            time.sleep(AFTER_SECONDS)
        found = self._reckoned(clients, new) | done
        found |= {"missing_on_standby": missing, "cut_seconds": round(cut_seconds, 1)}
        self._bring_back(old, new)
        return found

    @contextmanager
    def clients(self) -> Iterator[Clients]:
        """Have clients at work on checks that are new and on the standby."""
        product, found = self.product, Clients()
        key = product.member(project=f"drill {time.time():.0f}")
        targets = product.make_checks(key, CHECKS)
        lab = product.lab
        asked = load.asked(product.certificates(), self._streams(targets, product.session()))
        pace = {"pause_seconds": WRITE_SECONDS}
        with (
            programs.running(lab, "app1", programs.WRITER, pace, AS_THE_PRODUCT) as writer,
            programs.running(lab, "client", programs.TRAFFIC, asked) as traffic,
        ):
            found.traffic, found.writer = traffic, writer
            yield found

    def _streams(self, targets: list[str], cookie: str) -> Iterator[dict[str, Any]]:
        signed_in = {"Cookie": cookie}
        for number, door in enumerate(load.doors(self.product.lab)):
            for pinger in range(self.pingers):
                first = (number * self.pingers + pinger) % len(targets)
                mine = chain(targets[first:], targets[:first])
                yield load.stream(
                    "pings", door, list(mine), is_kept=pinger > 0, pause_seconds=PING_SECONDS
                )
            for is_kept in (False, True):
                yield load.stream(
                    "pages", door, ["/"], is_kept=is_kept, pause_seconds=PAGE_SECONDS,
                    headers=signed_in,
                )  # fmt: skip

    def _lose(self, old: str, new: str) -> tuple[float, int]:
        """Cut the standby off, wait, and kill the primary: (seconds, pings it had alone)."""
        product, lab = self.product, self.product.lab
        before, began = len(product.tokens(old)), time.monotonic()
        with fleet.changing(lab):
            faults.block(lab, lab.host(old), lab.host(new))
        while True:
            time.sleep(1)
            lasted, had = time.monotonic() - began, product.tokens(old)
            if lasted > CUT_SECONDS and len(had) - before > LEAST_MISSING:
                break
            if lasted > MOST_CUT_SECONDS:
                raise LabError(f"Only {len(had) - before} pings came in {lasted:.0f} s.")
        with fleet.changing(lab):
            hosts.kill(lab, lab.host(old))
        return lasted, len(set(had) - set(product.tokens(new)))

    def _fail_over(self, new: str, *how: str) -> dict[str, Any]:
        """Do it as an operator does; return what its report says. LabError when it is red."""
        began = time.monotonic()
        said = must_fab(
            "db.failover", "--fleet", fleet_of(self.product.lab), "--to", new, "--confirm", new,
            "--json", *how,
        )  # fmt: skip
        report = json.loads(said)
        return {
            "failover_seconds": round(time.monotonic() - began, 1),
            **{name: report[said] for name, said in _REPORTED.items()},
        }

    def _reckoned(self, clients: Clients, new: str) -> dict[str, Any]:
        began = time.monotonic()
        found = self.product.settled(clients.acknowledged, SETTLED_SECONDS)
        if self.product.primaries() != [new]:
            raise LabError(f"{new} is to be the only primary, not {self.product.primaries()}.")
        return {
            "acknowledged": found.acknowledged,
            "lost": found.lost,
            "doubled": found.doubled,
            "settled_seconds": round(time.monotonic() - began, 1),
            **figures.of_clients(clients.traffic.values, clients.writer.values),
        }

    def _bring_back(self, old: str, new: str) -> None:
        """Mend the cable, switch the old primary on, and have it follow the new one."""
        lab = self.product.lab
        with fleet.changing(lab):
            faults.clear(lab)
        fleet.start(lab, lab.host(old))
        self.say(f"{old} is on again, and rejoins")
        must_fab("db.rejoin", old, "--fleet", fleet_of(lab), "--confirm", old)
        self._wait_for_streaming(new)

    def _wait_for_streaming(self, primary: str) -> None:
        ask = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        deadline = time.monotonic() + STREAMING_SECONDS
        while self.product.psql(primary, ask) == "0":
            if time.monotonic() > deadline:
                raise LabError(f"No standby streams from {primary}. fab db.status says why.")
            time.sleep(0.5)
