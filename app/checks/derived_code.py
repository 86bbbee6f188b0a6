"""Codes of checks that pings make: the same code when the same check has to be made again.

After a failover a ping with `create=1` may be applied to a database that lacks its
check, and later pings name the check by its code already.
"""

import itertools
from collections.abc import Iterator
from uuid import UUID

from django.utils.crypto import salted_hmac


def derived_codes(project: int, slug: str) -> Iterator[UUID]:
    """Yield the codes for a slug in the order in which to try them.

    Nobody can guess them without SECRET_KEY.
    """
    for number in itertools.count():
        said = salted_hmac("stillhere.provision", f"{project}/{slug}/{number}")
        yield UUID(bytes=said.digest()[:16], version=4)
