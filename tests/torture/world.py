"""The checks of a case: this is where they are made, by Django in a process of its own.

    python -m tests.torture.world       prints `World` as JSON

Steady checks are pinged every second or so and have a deadline of a few seconds: were their
pings held back by us and judged all the same, somebody would be told that they are down.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import django

PERIOD_SECONDS = GRACE_SECONDS = 5
HOUR = 3600


@dataclass(frozen=True, slots=True)
class World:
    """A project: its ping key, checks with a short deadline, and checks of every kind of ping."""

    project: str
    ping_key: str
    steady: Sequence[str]
    mixed: Sequence[str]

    @classmethod
    def of_json(cls, text: str) -> "World":
        """Return the world that is in a text."""
        said: dict[str, Any] = json.loads(text)
        return cls(**said)


def make(name: str, steady: int, mixed: int) -> World:
    """Make a project with checks, in a database that may be empty."""
    from django.core.management import call_command
    from django.utils import timezone

    from app.accounts.models import Project
    from app.alerts.models import Channel
    from app.checks.models import Check
    from app.run.bootstrap import bootstrap

    call_command("migrate", verbosity=0)
    access = bootstrap("ada@example.org", name, timezone.now())
    project = Project.objects.get(code=access.project)
    # Whoever is told of something is told by a server that does not exist: what was told
    # is in the outbox.
    nobody = {"url": "http://127.0.0.1:9/", "method": "POST", "headers": {}, "body": "$NAME"}
    channel = Channel.objects.create(
        project=project, kind="webhook", config={"down": nobody, "up": nobody}
    )

    def check(number: int, period_seconds: int, grace_seconds: int) -> str:
        made = Check.objects.create(
            project=project, name=f"check {number}",
            period_seconds=period_seconds, grace_seconds=grace_seconds,
        )  # fmt: skip
        made.channels.add(channel)
        return str(made.code)

    return World(
        project=str(access.project),
        ping_key=str(access.ping_key),
        steady=[check(number, PERIOD_SECONDS, GRACE_SECONDS) for number in range(steady)],
        mixed=[check(number, HOUR, HOUR) for number in range(mixed)],
    )


if __name__ == "__main__":
    django.setup()
    counts = int(os.environ["TORTURE_STEADY"]), int(os.environ["TORTURE_MIXED"])
    print(json.dumps(asdict(make(os.environ["TORTURE_PROJECT"], *counts))))  # noqa: T201
