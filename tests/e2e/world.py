"""Checks and channels of a running service, and what its database says of them."""

from dataclasses import dataclass
from typing import Any

from tests.e2e.service import Service
from tests.e2e.sinks import HttpSink


@dataclass(frozen=True, slots=True)
class Job:
    """A check of the service that a test pings."""

    service: Service
    code: str
    ping_key: str
    slug: str

    def ping(self, action: str = "", body: bytes | None = None) -> str:
        """Ping it by its UUID; return the answer's text."""
        return self.service.ping(self.code + action, body)

    def rows(self) -> list[tuple[int, str]]:
        """Return (n, body) of every ping in its log."""
        program = f"""
from app.pings.models import Ping
rows = Ping.objects.filter(check_ref__code="{self.code}").order_by("n").values_list("n", "body")
result = [(n, bytes(body or b"").decode()) for n, body in rows]
"""
        return [(n, body) for n, body in self.service.evaluate(program)]

    def n_pings(self) -> int:
        """Return how many pings it counts."""
        program = f"""
from app.checks.models import Check
result = Check.objects.get(code="{self.code}").n_pings
"""
        return int(self.service.evaluate(program))

    def flips(self) -> list[dict[str, Any]]:
        """Return its flips, and how each notification of them stands."""
        program = f"""
from app.checks.models import Flip
from app.alerts.models import Notification
result = []
for flip in Flip.objects.filter(check_ref__code="{self.code}").order_by("at"):
    sent = Notification.objects.filter(
        check_ref=flip.check_ref_id, flip_at=flip.at, new_status=flip.new_status
    )
    result.append({{
        "old": flip.old_status, "new": flip.new_status, "at": flip.at.timestamp(),
        "is_told": flip.told_at is not None,
        "states": sorted(sent.values_list("state", flat=True)),
    }})
"""
        flips: list[dict[str, Any]] = self.service.evaluate(program)
        return flips


def new_job(
    service: Service,
    webhooks: HttpSink | None = None,
    *,
    period_seconds: int = 1,
    grace_seconds: int = 1,
) -> Job:
    """Make a check whose alerts go to its owner by e-mail, and to the webhooks."""
    access = service.bootstrap()
    sides = {
        side: {"url": webhooks.url(f"/{side}"), "method": "POST", "headers": {}, "body": "$NAME"}
        for side in ("down", "up")
        if webhooks
    }
    program = f"""
from app.accounts.models import Project
from app.alerts.models import Channel
from app.checks.models import Check
project = Project.objects.get(code="{access["project"]}")
check = Check.objects.create(
    project=project, name="Nightly backup", slug="nightly-backup",
    period_seconds={period_seconds}, grace_seconds={grace_seconds},
)
if {sides!r}:
    Channel.objects.create(project=project, kind="webhook", config={sides!r})
check.channels.set(project.channels.all())
result = str(check.code)
"""
    return Job(service, str(service.evaluate(program)), access["ping_key"], "nightly-backup")
