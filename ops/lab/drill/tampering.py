"""Backups that are no good: this is where each is put into the bucket, and judged."""

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ops.errors import LabError
from ops.lab import hosts, object_store, world
from ops.lab.drill.product import Product
from provisioning import backups, releases

WAYS = ("empty", "old", "truncated", "bitflip")
# A manifest that is newer than its dump is an old backup, too.
_ALSO = {"old": ("stale",)}
_DAYS = timedelta(days=3)
_SECONDS = 300.0
_PROGRAM = "/run/tamper.py"
_IN_THE_RELEASE = (
    "systemd-run", "--quiet", "--pipe", "--wait", "--collect",
    f"--property=WorkingDirectory={releases.CURRENT}", "--setenv=PYTHONPATH=.:site-packages",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tampering:
    """Copies of one backup of a fleet, made by the operator of its bucket."""

    product: Product
    good: str
    observer: str = "obs1"

    def rejected(self) -> dict[str, bool]:
        """Try each way; tell whether the drill was red. LabError when it is red for a good one."""
        verdict = self.verdict("copied")
        if not verdict["verified"]:
            raise LabError(f"A true copy of {self.good} is refused: {verdict['trouble']}")
        return {
            how: not any(self.verdict(one)["verified"] for one in (how, *_ALSO.get(how, ())))
            for how in WAYS
        }

    def verdict(self, how: str) -> dict[str, Any]:
        """Return what the observer's own drill says of a copy, which is gone afterwards."""
        begun = datetime.now(UTC) - (_DAYS if how == "old" else timedelta())
        name = f"{begun:%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
        self._asked(how=how, id=self.good, new_id=name)
        try:
            return self._verified(name)
        finally:
            self._asked(how="remove", id=name)

    def _verified(self, name: str) -> dict[str, Any]:
        account = f"--uid={backups.KEEPER}"
        verify = ["python3", "-m", "backups", "verify", "--backup", name, "--json"]
        done = self._done([account, *verify])
        try:
            said: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            raise LabError(f"verify of {name} says {done.stdout!r}: {done.stderr}") from None
        if said["verified"] is not (done.returncode == 0):
            raise LabError(f"verify of {name} ends with {done.returncode} and says {said}.")
        return said

    def _asked(self, **words: str) -> None:
        lab = self.product.lab
        text = Path(__file__).with_name("tamper.py").read_text("utf-8")
        self.product.run(self.observer, ["sh", "-c", f"cat > {_PROGRAM} <<'END'\n{text}END"])
        identity, secret = object_store.credentials(lab, object_store.OPERATOR)
        keys = self.product.run(self.observer, ["sh", "-c", f"ls {backups.KEYS}/*.asc"]).split()
        asked = words | {
            "endpoint": world.S3_ENDPOINT, "region": object_store.REGION,
            "bucket": object_store.BUCKET, "prefix": object_store.PREFIX,
            "authority": backups.AUTHORITY, "recipients": keys,
            "access_key_id": identity, "secret_access_key": secret,
        }  # fmt: skip
        done = self._done(["python3", _PROGRAM], json.dumps(asked))
        if done.returncode:
            raise LabError(f"{words}: {done.stdout}{done.stderr}")

    def _done(self, words: list[str], stdin: str = "") -> Any:
        lab = self.product.lab
        return hosts.execute(
            lab, lab.host(self.observer), [*_IN_THE_RELEASE, *words],
            stdin=stdin, timeout_seconds=_SECONDS,
        )  # fmt: skip
