"""Get past a ping that the database refuses: it is put aside, and the rest goes on."""

import logging
from datetime import datetime
from pathlib import Path

from app.database import DATABASE_TROUBLE
from app.pings.apply import Applied, PositionMovedError, apply, swap
from app.pings.frames import encode
from app.pings.journal import Identity
from app.pings.journal_reader import Batch

log = logging.getLogger(__name__)


def apply_around(
    directory: Path,
    identity: Identity,
    position_id: int,
    batch: Batch,
    applied_before: datetime | None,
) -> Applied:
    """Apply the batch; when it cannot be applied as a whole, ping by ping."""
    try:
        return apply(position_id, batch, applied_before)
    except (*DATABASE_TROUBLE, PositionMovedError):
        raise  # the database is away: not the batch's fault
    except Exception:
        log.exception("batch refused pings=%d, trying them one by one", len(batch.entries))
    done, start = Applied(), batch.start
    for entry, place in batch.entries:
        single = Batch(start, place, [(entry, place)])
        try:
            add(done, apply(position_id, single, None))
        except (*DATABASE_TROUBLE, PositionMovedError):
            raise
        except Exception:
            log.exception("ping put aside segment=%d offset=%d", place.segment, place.offset)
            put_aside(directory, identity, single)
            swap(position_id, start, place, None)
            done.dropped += 1
        start = place
    swap(position_id, start, batch.end, applied_before)
    return done


def add(total: Applied, one: Applied) -> None:
    """Add what applying one ping did."""
    total.verdicts += one.verdicts
    total.pings += one.pings
    total.dropped += one.dropped
    total.wakes_notifier |= one.wakes_notifier
    total.to_prune += one.to_prune


def put_aside(directory: Path, identity: Identity, single: Batch) -> None:
    """Keep a refused ping's frame where a person can look at it and apply it later."""
    place = single.end
    aside = directory / "refused" / f"{place.segment:016d}-{place.offset}"
    aside.parent.mkdir(exist_ok=True)
    aside.write_bytes(encode(identity.journal, single.entries[0][0]))
