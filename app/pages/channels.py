"""The channels of a project: list, add, edit, test, enable, delete."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from app.accounts.throttle import TESTS_OF
from app.alerts import outbox
from app.alerts.models import Channel, Notification
from app.pages import channel_checks, channel_tests, tries
from app.pages.access import Access, open_channel, open_project, page
from app.pages.channel_forms import FORMS, ChannelForm
from app.pages.channel_tests import Trial
from app.pages.channel_words import target, why_disabled


@dataclass(frozen=True, slots=True)
class Line:
    """A channel as a line of the list; `shape` is the icon that goes with `state`.

    `is_kept`: what it sends stays on this server, for want of a mail server.
    `why` and `way_back` are of a disabled one.
    """

    channel: Channel
    checks: int
    target: str
    state: str
    shape: str
    is_kept: bool
    why: str = ""
    way_back: str = ""
    trial: Trial | None = None


@never_cache
@require_safe
@login_required
def channel_list(request: HttpRequest, project: UUID) -> HttpResponse:
    """Show whom the project can tell, and how well that works."""
    access, now = open_project(request, project), timezone.now()
    channels = Channel.objects.visible_to(request.user).filter(project=access.project)
    counts = dict(channels.annotate(n=Count("checks")).values_list("pk", "n"))
    tests = channel_tests.latest(access.project, now)
    lines = [
        _line(channel, counts.get(channel.pk, 0), tests.get(channel.pk), now)
        for channel in channels.order_by("pk")
    ]
    context = {
        "lines": lines,
        "now": now,
        "mail_is_kept": any(line.is_kept for line in lines),
        "has_webhooks": any(line.channel.kind == Channel.Kind.WEBHOOK for line in lines),
        "nav": "channels",
    }
    return page(request, access, "pages/channels.html", context)


@never_cache
@require_safe
@login_required
def row(request: HttpRequest, code: UUID) -> HttpResponse:
    """Show one line of the list, when its test is over; 204 while it waits."""
    access, channel = open_channel(request, code)
    now = timezone.now()
    test = channel_tests.latest(access.project, now).get(channel.pk)
    line = _line(channel, channel.checks.count(), test, now)
    if line.trial and line.trial.is_waiting:
        return HttpResponse(status=204)
    return page(request, access, "pages/_channel.html", {"line": line, "now": now, "is_news": True})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add(request: HttpRequest, project: UUID, kind: str) -> HttpResponse:
    """Add a channel of a kind."""
    access = open_project(request, project)
    access.require_write()
    if kind not in FORMS:
        raise Http404("There is no such kind of channel.")
    channel = Channel(project=access.project, kind=kind)
    form = FORMS[kind](request.POST or None, channel=channel)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, access, form, channel)
    channel.name, channel.config = form.cleaned_data["name"], form.config()
    with transaction.atomic():
        channel.save()
        if form.cleaned_data["all_checks"]:
            channel.checks.add(*access.project.checks.values_list("pk", flat=True))
    messages.success(request, "The channel is added. Send a test to see that it arrives.")
    return redirect("channels", access.project.code)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: HttpRequest, code: UUID) -> HttpResponse:
    """Edit a channel."""
    access, channel = open_channel(request, code)
    access.require_write()
    form = FORMS[channel.kind](request.POST or None, channel=channel)
    if request.method != "POST" or not form.is_valid():
        return _form_page(request, access, form, channel)
    channel.name, channel.config = form.cleaned_data["name"], form.config()
    with transaction.atomic():
        change = channel_checks.change(channel, form.cleaned_data["checks"])
        with _held(channel):
            channel.save(update_fields=["name", "config"])
            change.apply(channel)
    messages.success(request, "Saved.")
    return redirect("channels", access.project.code)


@require_POST
@login_required
def test(request: HttpRequest, code: UUID) -> HttpResponse:
    """Send a test message."""
    access, channel = open_channel(request, code)
    access.require_write()
    form, now = forms.Form({}), timezone.now()
    back = redirect(f"{reverse('channels', args=[access.project.code])}#{channel.code}")
    # Nobody has confirmed the address: it may be that of somebody who is not to be bothered.
    spent = ((TESTS_OF, str(access.member.user_id)),)
    if tries.refused(form, spent, now, lambda _: back):
        messages.error(request, f"Nothing was sent. {form.non_field_errors()[0]}")
        return back
    with _held(channel):
        outbox.send_test(channel, now)
    return back


@require_POST
@login_required
def enable(request: HttpRequest, code: UUID) -> HttpResponse:
    """Bring a disabled channel back."""
    access, channel = open_channel(request, code)
    access.require_write()
    with _held(channel):
        outbox.enable(channel)
    messages.success(request, "The channel works again.")
    return redirect("channels", access.project.code)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request: HttpRequest, code: UUID) -> HttpResponse:
    """Ask, then delete."""
    access, channel = open_channel(request, code)
    access.require_write()
    if request.method != "POST":
        line = _line(channel, channel.checks.count(), None, timezone.now())
        context = {"line": line, "nav": "channel"}
        return page(request, access, "pages/channel_delete.html", context)
    deleted, _ = channel.delete()
    if not deleted:
        raise Http404("The channel was deleted a moment ago.")
    messages.success(request, "The channel is deleted.")
    return redirect("channels", access.project.code)


@contextmanager
def _held(channel: Channel) -> Iterator[None]:
    """Keep the channel from being deleted; 404 when another tab has done so."""
    with transaction.atomic():
        get_object_or_404(Channel.objects.select_for_update(no_key=True), pk=channel.pk)
        yield


def _is_kept(channel: Channel) -> bool:
    return channel.kind == Channel.Kind.EMAIL and not settings.EMAIL_HOST


def _line(channel: Channel, checks: int, test: Notification | None, now: datetime) -> Line:
    is_kept = _is_kept(channel)
    state, shape = _state(channel, is_kept)
    why, way_back = why_disabled(channel) if channel.disabled_at else ("", "")
    trial = channel_tests.in_words(test, now, is_kept) if test else None
    return Line(channel, checks, target(channel), state, shape, is_kept, why, way_back, trial)


def _state(channel: Channel, is_kept: bool) -> tuple[str, str]:
    if channel.disabled_at:
        return "disabled", "down"
    if channel.last_error:
        return "failing", "late"
    if is_kept:
        return "only kept", "late"
    return ("working", "up") if channel.last_sent_at else ("not tried yet", "new")


def _form_page(
    request: HttpRequest, access: Access, form: ChannelForm, channel: Channel
) -> HttpResponse:
    status = 422 if form.errors else 200
    is_kept = _is_kept(channel)
    context = {"form": form, "channel": channel, "mail_is_kept": is_kept, "nav": "channel"}
    return page(request, access, f"pages/channel_{channel.kind}.html", context, status)
