"""Every page that a person can see: what a test of all pages walks.

An address is walked when the table of addresses says that somebody is shown it;
what has to be made before, and what looks different in another state, is here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import URLPattern, reverse
from django.utils import timezone

from app.accounts.founding import found
from app.accounts.models import Member, Role
from app.alerts import unsubscribe
from app.alerts.models import Channel, Notification
from app.checks.models import Check, Flip
from app.urls import urlpatterns
from app.web.csrf_advice import Cause
from tests.app.pages.addresses import TABLE, Actor, Address
from tests.app.pages.world import World, make_ping, make_world

# Addresses that answer a GET with something else than a page.
NO_PAGES = {
    "ping_body": "plain text",
    "channel_row": "a part",
    "first_ping": "a part",
    "health": "a word",
}
LONG = "warehouse-load-of-the-regional-offices-with-a-name-that-nobody-can-break " + "x" * 27


@dataclass(frozen=True, slots=True)
class Visit:
    """A page and how one comes to it.

    `fields`: the form that is then sent, wrong, and gives a page with errors.
    `html`: a page that is rendered here, since no request of a test's leads to it.
    """

    title: str
    path: str
    is_signed_in: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)
    html: str = ""


def visits(world: World) -> list[Visit]:
    """Return every visit in a world that has one of everything."""
    known = _known(world)
    shown = [
        (one, one.path(world))
        for one in TABLE
        if one.get is not None and one.seen == 200 and one.name not in NO_PAGES
        if Actor.OWNER not in one.never
    ]
    pages = [
        Visit(one.name, path, is_signed_in) for one, path in shown for is_signed_in in _ways(one)
    ]
    return [*pages, *_states(world), *_forms_with_errors(known), *_errors()]


def _ways(address: Address) -> tuple[bool, ...]:
    """Say whether the page is seen signed in, signed out, or in both ways."""
    if address.name == "invitation":
        return (False, True)
    return (address.get is not Actor.SIGNED_OUT,)


def make_rich_world() -> World:
    """Return a world with a check in each state, and a channel in each."""
    world, now = make_world(), timezone.now()
    hour = timedelta(hours=1)
    Check.objects.filter(pk=world.check.pk).update(
        **{"kind": "cron", "schedule": "30 3 * * *", "tz": "Europe/Riga", "tags": "prod db"},
        **{"desc": "What to do:\nread the runbook.", "status": "up", "n_pings": 1},
        **{"last_ping_at": now, "due_at": now + hour, "down_at": now + 2 * hour},
    )
    states: dict[str, dict[str, object]] = {
        "up": {"due_at": now - hour, "down_at": now + hour, "last_ping_at": now - 2 * hour},
        "down": {"last_ping_at": now - 3 * hour, "n_pings": 60},
        "new": {"kind": "oncalendar", "schedule": "Mon..Fri 03:30\nSun 05:00"},
        "paused": {"name": LONG, "manual_resume": True},
    }
    for status, fields in states.items():
        row: dict[str, object] = {
            "name": f"{status} job",
            "status": status,
            "status_since": now - hour,
            **fields,
        }
        Check.objects.create(project=world.project, **row)
    down = Check.objects.get(status="down")
    for n in range(1, 61):
        make_ping(down, n, action="fail" if n % 7 else "start", body=b"out" if n % 2 else None)
    flip = {"old_status": "up", "new_status": "down", "reason": "timeout"}
    Flip.objects.create(check_ref=down, at=now - hour, told_at=now, **flip)
    _make_channels(world, down)
    return world


def _make_channels(world: World, down: Check) -> None:
    now = timezone.now()
    side = {"url": "https://hooks.example.org/T1", "method": "POST", "headers": {}, "body": ""}
    config = {"down": side, "up": None}
    hook = Channel.objects.create(
        project=world.project, kind="webhook", config=config, last_error="status 503 " * 12
    )
    gone = {"disabled_at": now, "disabled_reason": "the webhook answered 410 Gone"}
    Channel.objects.create(project=world.project, kind="webhook", config=config, name=LONG, **gone)
    note = {"check_ref": down, "flip_at": now, "next_attempt_at": now, "new_status": "down"}
    Notification.objects.create(channel=world.channel, state="sent", **note)
    Notification.objects.create(channel=hook, state="failed", error="no route", **note)
    test = {"flip_at": now, "next_attempt_at": now, "new_status": "down", "state": "failed"}
    Notification.objects.create(channel=hook, error="the webhook answered with 503", **test)


def _known(world: World) -> dict[str, object]:
    link = unsubscribe.token(world.channel.code, timezone.now())
    codes = {"check": world.check.code, "channel": world.channel.code}
    return {"project": world.project.code, "kind": "webhook", "n": 1, "token": link, **codes}


def _path(name: str, known: Mapping[str, object]) -> str:
    """Return the address; `code` means a row of the kind that the name begins with."""
    pattern = next(pattern for pattern in urlpatterns if pattern.name == name)
    assert isinstance(pattern, URLPattern)
    room = name.partition("_")[0]
    given = {key: known[room if key == "code" else key] for key in pattern.pattern.converters}
    return reverse(name, kwargs=given)


def _states(world: World) -> list[Visit]:
    """Return pages that look different in another state: empty, down, of another kind."""
    empty = found(world.owner, "Empty").code
    checks = Check.objects.filter(project=world.project).exclude(pk=world.check.pk)
    hook = Channel.objects.filter(kind="webhook", disabled_at=None).get()
    joined = found(world.stranger, "Joined")
    Member.objects.create(project=joined, user=world.owner, role=Role.MEMBER)
    return [
        Visit("leave a project", reverse("project_leave", args=[joined.code])),
        Visit("no checks", reverse("checks", args=[empty])),
        Visit("no channels", reverse("channels", args=[empty])),
        Visit("edit a webhook", reverse("channel_edit", args=[hook.code])),
        Visit("add e-mail", reverse("channel_add", args=[empty, "email"])),
        *(Visit(f"check: {one.status}", reverse("check", args=[one.code])) for one in checks),
        Visit("older pings", reverse("check", args=[checks.get(status="down").code]) + "?before=9"),
        Visit("spent link", reverse("sign_in_link", args=["x"]), is_signed_in=False),
        Visit("false unsubscribe link", reverse("unsubscribe", args=["x"]), is_signed_in=False),
    ]


def _forms_with_errors(known: Mapping[str, object]) -> list[Visit]:
    cron = {"name": "", "slug": "Not a slug", "schedule": "x", "tz": "Mars", "grace_0": ""}
    return [
        Visit("check with errors", _path("check_add", known), fields={"kind": "cron", **cron}),
        Visit("webhook with errors", _path("channel_add", known), fields={"down_url": "nonsense"}),
        Visit("sign in with errors", "/sign-in/", False, {"email": "a@b.example", "password": "x"}),
    ]


def _errors() -> list[Visit]:
    origin = {"origin": "https://still.example.org", "site_root": settings.SITE_ROOT}
    refused = [render_to_string("403_csrf.html", {"cause": one.name, **origin}) for one in Cause]
    pages = [render_to_string(f"{name}.html") for name in ("400", "403", "413", "500")]
    pages += [render_to_string("web/https_unknown.html", origin), *refused]
    pages.append(render_to_string("400.html", {"is_of_host": True, "host": "x", **origin}))
    away: list[dict[str, object]] = [{"is_reading": True}, {"fields": [("name", LONG)]}, {}]
    away.append({"is_unsure": True})
    pages += [render_to_string("503.html", {"address": f"/{LONG}/", **one}) for one in away]
    return [
        Visit("not found", "/nothing/"),
        *(Visit(f"error {n}", f"/error-{n}/", html=html) for n, html in enumerate(pages)),
    ]
