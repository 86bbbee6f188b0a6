"""The restore drill: from a bucket, a vault and a key back to a service that has every ping.

    pings -> a backup on the standby -> the observer's drill, which is red for four that are no good
    -> more pings -> both database hosts are gone -> more pings -> docs/runbooks/restore.md

Afterwards each acknowledged ping has to be in the table, once: those of before the backup come
back with it, those of later from the journals of the application servers.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ops.errors import LabError
from ops.lab import fleet
from ops.lab.drill import load, programs
from ops.lab.drill.commands import must_fab
from ops.lab.drill.product import DATABASES, Product
from ops.lab.drill.stand import applied_lab, fleet_of
from ops.lab.drill.tampering import Tampering

PREFIX = "drill"
CHECKS, PINGERS = 20, 4
PING_SECONDS = 0.2
TRAFFIC_SECONDS, MOST_TRIES = 5.0, 20
LEAST = 100  # pings each time; a busy machine needs some tries
SETTLED_SECONDS = 180.0
STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
STREAMING_SECONDS = 90.0

Say = Callable[[str], None]


def drill(prefix: str, say: Say, told: Callable[[dict[str, Any]], None]) -> None:
    """Do all of it, on the lab of that prefix; it comes and goes with us unless it is up already.

    LabError when a ping is missing, or something is not as it has to be.
    """
    with applied_lab(prefix, prefix, say) as (lab, _):
        say("deploying what is committed")
        must_fab("deploy", "--fleet", fleet_of(lab), "--commit", "HEAD", "--yes")
        told(RestoreDrill(Product(lab), say).cycle())


@dataclass(slots=True)
class RestoreDrill:
    """One cycle on a deployed product. `acknowledged`: every ping that was answered with a yes."""

    product: Product
    say: Say
    commit: str = "HEAD"
    environment: Mapping[str, str] = field(default_factory=dict)  # of fab
    acknowledged: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def cycle(self) -> dict[str, Any]:
        """Return what came of it: the figures of `fab lab.drill restore --json`."""
        self._wait_for_streaming()
        targets = self.product.make_checks(self.product.member(), CHECKS)
        self._pings(targets)
        self._all_there()
        manifest = self._backup()
        verdict = self._drilled(manifest["id"])
        self.say("copies that are empty, old, truncated, and have a bit turned over")
        rejected = Tampering(self.product, manifest["id"]).rejected()
        self._pings(targets)
        with self._timed("new machines"):
            lab = self.product.lab
            fleet.replace(lab, [lab.host(name) for name in DATABASES])
        self._pings(targets)
        restored = self._brought_back(manifest["id"])
        self._pings(targets)
        self._all_there()
        self._serves()
        return {
            "verified": verdict,
            "counts_expected": manifest["counts"],
            "counts_restored": restored["counts"],
            "tampered_rejected": rejected,
            "seconds_by_part": {name: round(spent, 1) for name, spent in self.seconds.items()},
            "bytes": manifest["object"]["bytes"],
        }

    def _backup(self) -> dict[str, Any]:
        with self._timed("backup"):
            manifest: dict[str, Any] = self._json("backup.now")
        if manifest["taken_from"] != "standby":
            raise LabError(f"The backup was taken from the {manifest['taken_from']}.")
        return manifest

    def _drilled(self, backup: str) -> bool:
        with self._timed("drill"):
            return bool(self._json("backup.drill")["id"] == backup)

    def _brought_back(self, backup: str) -> dict[str, Any]:
        """Do what docs/runbooks/restore.md says, from new machines on; return what came back."""
        with self._timed("apply"):
            self._fab("apply", "--yes")
        primary = self.product.primary()
        with self._timed("deploy"):
            self._fab("deploy.databases", "--commit", self.commit, "--yes")
        named = ("--backup", backup, "--confirm", primary)
        with self._timed("restore"):
            restored: dict[str, Any] = self._json("backup.restore", *named)
        for part, spent in restored["seconds"].items():
            self.seconds[f"restore: {part}"] = spent
        with self._timed("adopt"):
            self._fab("db.adopt", "--confirm", primary)
        return restored

    def _pings(self, targets: list[str]) -> None:
        """Have clients ping for a while, through every door; none may be refused."""
        product, wanted = self.product, len(self.acknowledged) + LEAST
        streams = [
            load.stream("pings", door, targets[pinger:] + targets[:pinger],
                        is_kept=pinger > 0, pause_seconds=PING_SECONDS)
            for door in load.doors(product.lab)
            for pinger in range(PINGERS)
        ]  # fmt: skip
        asked = load.asked(product.certificates(), streams)
        for _ in range(MOST_TRIES):
            with programs.running(product.lab, "client", programs.TRAFFIC, asked) as said:
                time.sleep(TRAFFIC_SECONDS)
            if said.values["failed"]:
                raise LabError(f"Pings were refused: {said.values['by_kind']}")
            self.acknowledged += said.values["acknowledged"]
            if len(self.acknowledged) >= wanted:
                return
        raise LabError(f"Fewer than {LEAST} pings were answered in {MOST_TRIES} tries.")

    def _all_there(self) -> None:
        found = self.product.settled(self.acknowledged, SETTLED_SECONDS)
        if found.lost or found.doubled:
            raise LabError(f"Of all pings that were acknowledged: {found}")
        self.say(f"all {found.acknowledged} pings that were acknowledged are there, once")

    def _serves(self) -> None:
        """See that a page comes through a balancer, and that one database follows the other."""
        self._wait_for_streaming()
        lab, site = self.product.lab, load.SITE
        for name in load.BALANCERS:
            where = f"{site}:443:{lab.address(lab.host(name))}"
            ask = ["curl", "-skfm", "20", "-o", "/dev/null", "--resolve", where]
            self.product.run("client", [*ask, f"https://{site}/sign-in/"])
        self._fab("db.status")

    def _wait_for_streaming(self) -> None:
        deadline = time.monotonic() + STREAMING_SECONDS
        while self.product.psql(self.product.primary(), STREAMING) == "0":
            if time.monotonic() > deadline:
                raise LabError("No standby streams. fab db.status says why.")
            time.sleep(0.5)

    def _json(self, verb: str, *words: str) -> Any:
        return json.loads(self._fab(verb, "--json", *words))

    def _fab(self, verb: str, *words: str) -> str:
        to = ("--fleet", fleet_of(self.product.lab))
        return must_fab(verb, *to, *words, **self.environment)

    @contextmanager
    def _timed(self, part: str) -> Iterator[None]:
        begun = time.monotonic()
        yield
        self.seconds[part] = time.monotonic() - begun
        self.say(f"{part}: {self.seconds[part]:.1f} s")
