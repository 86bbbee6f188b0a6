"""Apply a batch of a journal: fold it into the checks and move the position, in one transaction."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from app.accounts.models import Project
from app.checks import late, state
from app.checks.models import Check, Flip, next_change
from app.checks.schedule import ScheduleError
from app.pings import orphans
from app.pings.frames import Entry
from app.pings.journal import Place
from app.pings.journal_reader import Batch
from app.pings.models import Ping, Position
from app.pings.protocol import Slug
from app.pings.store import store
from app.pings.store.rows import Changed, Loaded, is_plain, wake_at
from app.pings.store.rows import PositionMovedError as PositionMovedError
from app.pings.wire import Verdict

log = logging.getLogger(__name__)

MOST_LINES_REFOLDED = 500
PUT_ASIDE = timedelta(hours=1)


@dataclass(slots=True)
class Applied:
    """What applying a batch did. `to_prune` are checks whose log may be too long."""

    verdicts: list[tuple[Place, Verdict]] = field(default_factory=list)
    pings: int = 0
    dropped: int = 0
    wakes_notifier: bool = False
    to_prune: list[tuple[int, int]] = field(default_factory=list)

    @property
    def has_created(self) -> bool:
        """Return True when a check was made."""
        return any(verdict is Verdict.CREATED for _, verdict in self.verdicts)


def apply(position_id: int, batch: Batch, applied_before: datetime | None) -> Applied:
    """Apply the batch exactly once. PositionMovedError when it was applied already.

    `applied_before` is stored as the position's T when it is given.
    """
    done = Applied()
    with transaction.atomic():
        swap(position_id, batch.start, batch.end, applied_before)
        found = _resolve(batch.entries, done)
        loaded = store().load(sorted(found))
        missing = found.keys() - {check.code for check in loaded}
        done.dropped += orphans.keep(entry for code in missing for entry, _ in found[code])
        changed = [folded(check, found[check.code], done) for check in loaded]
        store().write(changed)
        _say_verdicts(batch.entries, missing, done)
    return done


def swap(position_id: int, old: Place, new: Place, applied_before: datetime | None) -> None:
    """Move the position from the expected old place, or raise PositionMovedError."""
    values: dict[str, object] = {"segment": new.segment, "offset": new.offset}
    if applied_before is not None:
        values["applied_before"] = applied_before
    mine = Position.objects.filter(pk=position_id, segment=old.segment, offset=old.offset)
    if mine.update(**values) != 1:
        raise PositionMovedError(f"position {position_id} is not at {old} any more")


def _resolve(
    entries: Sequence[tuple[Entry, Place]], done: Applied
) -> dict[bytes, list[tuple[Entry, Place]]]:
    """Return the entries by check; slugs are looked up, and made where asked for."""
    found: dict[bytes, list[tuple[Entry, Place]]] = defaultdict(list)
    slugs: dict[Slug, tuple[bytes | None, Verdict]] = {}
    for entry, place in entries:
        if isinstance(entry.target, bytes):
            found[entry.target].append((entry, place))
            continue
        known = slugs.get(entry.target)
        if known is None or (known[1] is Verdict.NOT_FOUND and entry.create):
            known = slugs[entry.target] = _resolve_slug(entry.target, create=entry.create)
        code, verdict = known
        if code is not None:
            found[code].append((entry, place))
            slugs[entry.target] = code, Verdict.EXISTS
        else:
            done.dropped += 1
        if entry.asks:
            done.verdicts.append((place, verdict))
    return found


def _resolve_slug(target: Slug, *, create: bool) -> tuple[bytes | None, Verdict]:
    project = Project.objects.filter(ping_key_digest=target.key_digest).first()
    if project is None:
        return None, Verdict.NOT_FOUND
    found = _find_slug(project, target.slug)
    if found[1] is not Verdict.NOT_FOUND or not create:
        return found
    # Another drain may be making it: from here on only one of us looks.
    next_change()
    found = _find_slug(project, target.slug)
    is_full = Check.objects.filter(project=project).count() >= 2 * settings.CHECK_LIMIT
    if found[1] is not Verdict.NOT_FOUND or is_full:
        return found
    return Check.objects.provision(project, target.slug).code.bytes, Verdict.CREATED


def _find_slug(project: Project, slug: str) -> tuple[bytes | None, Verdict]:
    checks = Check.objects.filter(project=project, slug=slug)
    codes = list(checks.values_list("code", flat=True)[:2])
    if len(codes) == 1:
        return codes[0].bytes, Verdict.EXISTS
    return None, Verdict.AMBIGUOUS if codes else Verdict.NOT_FOUND


def _say_verdicts(
    entries: Sequence[tuple[Entry, Place]], missing: set[bytes], done: Applied
) -> None:
    for entry, place in entries:
        if entry.asks and isinstance(entry.target, bytes):
            is_there = entry.target not in missing
            done.verdicts.append((place, Verdict.EXISTS if is_there else Verdict.NOT_FOUND))


def folded(check: Loaded, entries: Sequence[tuple[Entry, Place]], done: Applied) -> Changed:
    """Return what its entries make of a check; what is not to be written is noted in `done`."""
    events = [entry.event for entry, _ in entries]
    if len(events) > 1:
        events.sort(key=_received_at)
    try:
        changed = _judged(check, events)
    except ScheduleError:
        # A schedule that cannot be evaluated (a row from elsewhere) keeps its pings;
        # the notifier looks at the check again in an hour.
        log.exception("check put aside code=%s", UUID(bytes=check.code))
        changed = _logged_only(check, events)
    done.pings += len(changed.recorded)
    lowered = changed.wake_at is not None and changed.wake_at != check.wake_at
    done.wakes_notifier |= bool(changed.insert or changed.delete or lowered)
    if changed.state.n_pings // 100 != check.state.n_pings // 100:
        done.to_prune.append((check.id, changed.state.n_pings - settings.PING_LOG_LIMIT))
    return changed


def _received_at(event: state.Event) -> datetime:
    return event.received_at


def _judged(check: Loaded, events: Sequence[state.Event]) -> Changed:
    taken = late.deliver(check.rules, check.state, events, lambda: _history(check))
    wake = wake_at(check.wake_at, taken.state.down_at)
    plain = wake is check.wake_at and is_plain(check.state, taken.state)
    new, recorded = taken.state, taken.recorded
    return Changed(check.id, new, wake, recorded, taken.insert, taken.delete, plain)


def _logged_only(check: Loaded, events: Sequence[state.Event]) -> Changed:
    recorded = [
        state.Recorded(event, check.state.n_pings + place, event.action)
        for place, event in enumerate(events, start=1)
    ]
    n_pings = check.state.n_pings + len(recorded)
    kept = replace(check.state, n_pings=n_pings, due_at=None, down_at=None)
    return Changed(check.id, kept, events[-1].received_at + PUT_ASIDE, recorded, ())


def _history(check: Loaded) -> late.History:
    """Return what the log and the flips say since the last change by hand: two queries."""
    since = check.state.changed_by_hand_at
    lines = Ping.objects.filter(check_ref=check.id, action__in=("success", "start", "fail"))
    flips = Flip.objects.filter(check_ref=check.id)
    if since is not None:
        lines, flips = lines.filter(received_at__gt=since), flips.filter(at__gt=since)
    newest = list(
        lines.order_by("-n").values_list("received_at", "action", "rid")[:MOST_LINES_REFOLDED]
    )
    logged = [late.Logged(at, state.Action(action), rid) for at, action, rid in newest]
    is_cut = len(newest) == MOST_LINES_REFOLDED or check.state.n_pings >= settings.PING_LOG_LIMIT
    known = [
        late.KnownFlip(
            state.StatusFlip(
                flip.at,
                state.Status(flip.old_status),
                state.Status(flip.new_status),
                state.Reason(flip.reason),
            ),
            told=flip.told_at is not None,
        )
        for flip in flips.order_by("at")
    ]
    logged.sort(key=lambda line: (line.received_at, line.action, str(line.rid)))
    return late.History(tuple(logged), tuple(known), is_cut)
