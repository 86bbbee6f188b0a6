"""A check as the management API (v3, read-write key) shows it: the placeholder $JSON.

Field names and formats are compat.md's; the API's *late* is "grace".
"""

import json
from datetime import datetime

from django.conf import settings

from app.checks.models import Check
from app.checks.schedule import Kind

API = "/api/v3/checks"


def check_json(check: Check, status: str) -> str:
    """Return the object as JSON. `status` is the flip's, not the present one. One query."""
    codes = check.channels.order_by("code").values_list("code", flat=True)
    update_url = f"{settings.SITE_ROOT}{API}/{check.code}"
    fields = {
        "name": check.name,
        "slug": check.slug,
        "tags": check.tags,
        "desc": check.desc,
        "grace": check.grace_seconds,
        "n_pings": check.n_pings,
        "status": status,
        "started": check.last_start_at is not None,
        "last_ping": _moment(check.last_ping_at),
        "next_ping": _moment(check.due_at),
        "manual_resume": check.manual_resume,
        "methods": check.methods,
        "start_kw": check.start_kw,
        "success_kw": check.success_kw,
        "failure_kw": check.failure_kw,
        "filter_http_body": check.filter_http_body,
        "filter_default_fail": check.filter_default_fail,
        **_duration(check.last_duration_us),
        "uuid": str(check.code),
        "ping_url": check.ping_url,
        "update_url": update_url,
        "pause_url": f"{update_url}/pause",
        "resume_url": f"{update_url}/resume",
        "channels": ",".join(sorted(str(code) for code in codes)),
        **_schedule(check),
    }
    return json.dumps(fields)


def _schedule(check: Check) -> dict[str, object]:
    if check.kind == Kind.SIMPLE:
        return {"timeout": check.period_seconds}
    return {"schedule": check.schedule, "tz": check.tz}


def _duration(microseconds: int | None) -> dict[str, object]:
    return {"last_duration": microseconds // 1_000_000} if microseconds else {}


def _moment(at: datetime | None) -> str | None:
    return at.replace(microsecond=0).isoformat() if at else None
