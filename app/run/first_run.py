"""The first minutes: this is where somebody finds a user, a check and a way in."""

from datetime import datetime

from django.conf import settings
from django.db import transaction

from app.accounts.models import User
from app.accounts.sign_in import make_link
from app.checks.models import Check
from app.run.bootstrap import FIRST_PROJECT, own_project


def found_first(email: str) -> None:
    """Make a first user, project, e-mail channel and check, unless there is a user."""
    with transaction.atomic():
        if User.objects.exists():
            return
        project = own_project(email, FIRST_PROJECT)
        check = Check.objects.create(project=project, name="My first job", slug="my-first-job")
        check.channels.set(project.channels.all())


def greeting(now: datetime) -> str:
    """Return what to tell who started the service: ways in, until somebody has used one."""
    lines = [f"Stillhere answers at {settings.SITE_ROOT}"]
    user = User.objects.order_by("pk").first()
    if user is not None and not User.objects.filter(last_login__isnull=False).exists():
        lines += ["", f"  Sign in as {user.email}, once and within the hour:"]
        lines += [f"    {make_link(user, now)}"]
        check = Check.objects.visible_to(user).order_by("pk").first()
        if check is not None:
            lines += ["", "  Let a job say that it is still here:"]
            lines += [f"    curl -fsS {check.ping_url}"]
        lines.append("")
    return "\n".join([*lines, f"Data and mail are in {settings.DATA_DIR}. Ctrl-C stops it."])
