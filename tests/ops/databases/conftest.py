"""What tests of the databases may ask for."""

from collections.abc import Iterator

import pytest

from provisioning.fleet import Fleet
from tests.ops.databases.hands import Databases
from tests.ops.rehearsal import Rehearsal


@pytest.fixture
def databases(applied: Fleet, rehearsal: Rehearsal) -> Iterator[Databases]:
    """Give a primary and its standby to a test that may do them harm; then they are as before."""
    found = Databases(applied, rehearsal)
    yield found
    found.put_back()
