"""How often may somebody try? Token buckets in the database, one for each limit and party."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from app.accounts.models import Bucket

FORGET_AFTER = timedelta(days=2)  # longer than any limit takes to fill up again


@dataclass(frozen=True, slots=True)
class Limit:
    """`most` at once, and as many again over `per`."""

    name: str
    most: int
    per: timedelta


TRIES_OF_ADDRESS = Limit("tries-of-address", 20, timedelta(hours=1))
MAILS_TO = Limit("mails-to", 10, timedelta(hours=1))
PASSWORDS_OF = Limit("passwords-of", 20, timedelta(days=1))
TESTS_OF = Limit("tests-of", 20, timedelta(hours=1))
INVITATIONS_OF = Limit("invitations-of", 20, timedelta(days=1))


def take(limit: Limit, who: str, now: datetime) -> timedelta | None:
    """Take one try. None when it was there, else how long to wait for the next."""
    with transaction.atomic():
        bucket, tokens = _locked(limit, who, now)
        if tokens < 1:
            return (1 - tokens) * limit.per / limit.most
        _fill(bucket, tokens - 1, now)
    return None


def give_back(limit: Limit, who: str, now: datetime) -> None:
    """Put a try back: it turned out to be an honest one."""
    with transaction.atomic():
        bucket, tokens = _locked(limit, who, now)
        _fill(bucket, min(tokens + 1, limit.most), now)


def forget_idle(now: datetime) -> None:
    """Delete the buckets that are full again."""
    Bucket.objects.filter(updated_at__lt=now - FORGET_AFTER).delete()


def _locked(limit: Limit, who: str, now: datetime) -> tuple[Bucket, float]:
    """Return the bucket under its row lock, and how much is in it at `now`."""
    # Digested: a who may be longer than the column, and need not be readable.
    key = hashlib.sha256(f"{limit.name}:{who}".encode()).hexdigest()
    Bucket.objects.get_or_create(key=key, defaults={"tokens": limit.most, "updated_at": now})
    bucket = Bucket.objects.select_for_update().get(key=key)
    # A clock that was set back must not empty the bucket.
    gone = max(now - bucket.updated_at, timedelta(0))
    return bucket, min(bucket.tokens + gone / limit.per * limit.most, limit.most)


def _fill(bucket: Bucket, tokens: float, now: datetime) -> None:
    bucket.tokens, bucket.updated_at = tokens, now
    bucket.save(update_fields=["tokens", "updated_at"])
