"""A project with checks in every state, for tests of the list."""

import html
import re
from datetime import timedelta

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from app.checks.models import Check
from tests.app.pages.world import World


def page_of(client: Client, world: World, query: str = "") -> str:
    return client.get(reverse("checks", args=[world.project.code]) + query).content.decode()


def said(page: str) -> str:
    """Return the words of a page, without markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def names(page: str) -> list[str]:
    """Return the names of the rows, from above."""
    return [html.unescape(name) for name in re.findall(r'href="/checks/[^"]+">(.*?)</a>', page)]


def make_up(world: World, name: str, **fields: object) -> Check:
    """Make a check whose last ping was an hour ago."""
    now = timezone.now()
    state = {
        "status": "up",
        "last_ping_at": now - timedelta(hours=1),
        "status_since": now - timedelta(days=1),
        "due_at": now + timedelta(hours=23),
        "down_at": now + timedelta(hours=24),
    }
    return Check.objects.create(project=world.project, name=name, **(state | fields))


def make_busy(world: World) -> World:
    now = timezone.now()
    make_up(world, "b-up")
    make_up(world, "a-up")
    make_up(world, "z-late", due_at=now - timedelta(minutes=5), down_at=now + timedelta(minutes=55))
    make_up(
        world,
        "z-down",
        status="down",
        status_since=now - timedelta(hours=13),
        due_at=None,
        down_at=None,
    )
    make_up(
        world,
        "overdue",
        last_ping_at=now - timedelta(hours=26),
        due_at=now - timedelta(hours=2),
        down_at=now - timedelta(hours=1),
    )
    make_up(world, "a-paused", status="paused", due_at=None, down_at=None)
    return world
