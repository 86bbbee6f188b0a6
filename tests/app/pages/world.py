"""A small world for tests of pages: a project, its people, a check, a ping, a channel."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from app.accounts.founding import found
from app.accounts.models import Member, Project, Role, User
from app.alerts.models import Channel
from app.checks.models import Check
from app.pages.session import BEGAN_AT
from app.pings.models import Ping

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse

    Answer = _MonkeyPatchedWSGIResponse  # what the test client gives
else:
    Answer = HttpResponse

PASSWORD = "correct horse battery"
NOW = datetime(2026, 11, 21, 14, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class World:
    owner: User
    manager: User
    member: User
    reader: User
    stranger: User
    project: Project
    check: Check
    channel: Channel


def make_world() -> World:
    owner = User.objects.create_user("Owner@example.org", PASSWORD)
    manager = User.objects.create_user("manager@example.org", PASSWORD)
    member = User.objects.create_user("member@example.org", PASSWORD)
    reader = User.objects.create_user("reader@example.org", PASSWORD)
    stranger = User.objects.create_user("stranger@example.org", PASSWORD)
    project = found(owner, "Production")
    roles = {manager: Role.MANAGER, member: Role.MEMBER, reader: Role.READ_ONLY}
    for user, role in roles.items():
        Member.objects.create(project=project, user=user, role=role)
    found(stranger, "Elsewhere")
    check = Check.objects.create(project=project, name="nightly dump", slug="nightly-dump")
    make_ping(check, 1, body=b"<script>alert(1)</script> \xff")
    config = {"to": "owner@example.org", "on_down": True, "on_up": True}
    channel = Channel.objects.create(project=project, kind="email", config=config)
    channel.checks.add(check)
    return World(owner, manager, member, reader, stranger, project, check, channel)


def make_ping(check: Check, n: int, **fields: object) -> Ping:
    values: dict[str, object] = {
        "received_at": NOW - timedelta(hours=1) + timedelta(seconds=n),
        "action": "success",
        "scheme": "http",
        "method": "GET",
        "remote_addr": "203.0.113.17",
        "user_agent": "curl/7.88.1",
    }
    Check.objects.filter(pk=check.pk, n_pings__lt=n).update(n_pings=n)
    return Ping.objects.create(check_ref=check, n=n, **(values | fields))


def client_of(user: User | None, signed_in_for: timedelta = timedelta(0)) -> Client:
    """Return a browser in which the user signed in so long ago."""
    client = Client()
    if user:
        client.force_login(user)
        session = client.session
        session[BEGAN_AT] = (timezone.now() - signed_in_for).timestamp()
        session.save()
    return client


def form_of_check(**changes: object) -> dict[str, object]:
    """Return what a browser sends for a new check, with changes."""
    fields: dict[str, object] = {
        "name": "Report",
        "slug": "",
        "tags": "",
        "desc": "",
        "kind": "simple",
        "period_0": "1",
        "period_1": "86400",
        "grace_0": "1",
        "grace_1": "3600",
        "schedule": "",
        "tz": "UTC",
    }
    return fields | changes


def form_of_webhook(**changes: object) -> dict[str, object]:
    """Return what a browser sends for a new webhook, with changes."""
    fields: dict[str, object] = {"name": "", "all_checks": "on"}
    for side in ("down", "up"):
        fields |= {f"{side}_{name}": "" for name in ("url", "headers", "body")}
        fields[f"{side}_method"] = "POST"
    return fields | changes
