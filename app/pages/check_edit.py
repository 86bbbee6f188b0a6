"""Add a check, and edit one."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from app.accounts.models import Project
from app.alerts.models import Channel
from app.checks.models import Check
from app.checks.state import Status
from app.pages.access import Access, gone_is_404, open_check, open_project, page
from app.pages.check_form import COLUMNS, PREVIEWED, CheckForm, zone_names
from app.pages.filter_trial import trial
from app.pages.schedule_preview import preview
from app.wakeups import NOTIFIER, wake

TWIN = (
    "Another check of this project has the slug {slug!r} too. Pings by slug are refused until "
    "one of the two has another one; pings by id go on."
)
FELL = "Saved. By its new rules the check is down already. As you know it, nobody is told."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def add(request: HttpRequest, project: UUID) -> HttpResponse:
    """Add a check to a project."""
    access, now = open_project(request, project), timezone.now()
    access.require_write()
    check = Check(project=access.project)
    form = CheckForm(request.POST or None, instance=check, project=access.project, now=now)
    if not _is_to_save(request, form):
        return _page(request, access, form, None)
    if _is_full(access.project):
        form.add_error(None, f"This project has its {settings.CHECK_LIMIT} checks already.")
        return _page(request, access, form, None)
    with transaction.atomic():
        check = form.save(commit=False)
        check.save()
        check.channels.set(_still_there(form))
    messages.success(request, "The check is ready. Let the job ping the address below.")
    _warn_of_twin(request, form)
    return redirect("check", check.code)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: HttpRequest, code: UUID) -> HttpResponse:
    """Edit a check."""
    access, check = open_check(request, code)
    access.require_write()
    now, title = timezone.now(), str(check)
    form = CheckForm(request.POST or None, instance=check, project=access.project, now=now)
    if not _is_to_save(request, form):
        return _page(request, access, form, title)
    was_down = check.status == Status.DOWN
    with gone_is_404():
        _store(form, now)
    if check.status == Status.DOWN and not was_down:
        messages.warning(request, FELL, "late")
    else:
        messages.success(request, "Saved.")
    _warn_of_twin(request, form)
    return redirect("check", code)


def _is_to_save(request: HttpRequest, form: CheckForm) -> bool:
    return request.method == "POST" and form.is_valid() and "preview" not in request.POST


def _store(form: CheckForm, now: datetime) -> None:
    with transaction.atomic():
        check = form.save(commit=False)
        check.save(update_fields=COLUMNS)
        check.channels.set(_still_there(form))
        check.reschedule(now)
        transaction.on_commit(lambda: wake(NOTIFIER))


def _still_there(form: CheckForm) -> QuerySet[Channel]:
    """Return the chosen channels, locked; without those that another tab has deleted since."""
    chosen: QuerySet[Channel] = form.cleaned_data["channels"]
    return chosen.select_for_update(no_key=True)


def _is_full(project: Project) -> bool:
    return project.checks.count() >= settings.CHECK_LIMIT


def _warn_of_twin(request: HttpRequest, form: CheckForm) -> None:
    if form.has_twin():
        messages.warning(request, TWIN.format(slug=form.cleaned_data["slug"]), "late")


def _page(request: HttpRequest, access: Access, form: CheckForm, title: str | None) -> HttpResponse:
    part, previews = request.POST.get("preview", ""), _previews(form, access)
    if part in PREVIEWED:
        form.forgive_all_but(PREVIEWED[part])
    context = {
        "form": form,
        "title": title,
        "zones": zone_names(),
        "has_twin": title and form.has_twin(),
        "nav": "check",
        **previews,
    }
    if part in PREVIEWED and "HX-Request" in request.headers:
        context["wrong"] = [errors[0] for errors in form.errors.values()]
        return page(request, access, f"pages/_preview_{part}.html", context)
    return page(request, access, "pages/check_edit.html", context, 422 if form.errors else 200)


def _previews(form: CheckForm, access: Access) -> dict[str, Any]:
    """Return what the form would mean, as far as it is clean."""
    rules, context = form.rules(), dict[str, Any]()
    if form.is_clean("schedule"):
        context["preview"] = preview(rules.schedule, rules.grace, form.now, access.zone)
    if form.is_bound and form.is_clean("words"):
        context["trial"] = trial(rules, form.cleaned_data.get("try_body", ""))
    return context
