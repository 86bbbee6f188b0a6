"""The same release on the older Debian, whose Python is another one."""

import pytest

from ops.fleets import find_fleet
from ops.reading import sessions_with
from ops.release import bring, switch, what_is_on
from ops.release.building import Release
from tests.ops.labs import lab_of_a_test
from tests.ops.rehearsal import Rehearsal
from tests.ops.release.test_upload import CHECK, COMPILED, nothing_told

pytestmark = [pytest.mark.lab, pytest.mark.long]


def test_a_release_runs_on_debian_12(built: Release) -> None:
    with lab_of_a_test(debian=12) as lab:
        rehearsal = Rehearsal(lab)
        fleet = find_fleet(str(rehearsal.inventory))
        host = fleet.host("app1")
        with sessions_with(fleet) as sessions:
            (brought,) = bring(built, sessions, [host], nothing_told)
            assert brought.trouble == ""
            on = what_is_on(sessions.of(host))
            assert on.python == "3.11"
            assert on.packages == (built.packages["3.11"].id,)
            switch(sessions.of(host), built.id, "ada@laptop")
        rehearsal.run("app1", ["sh", "-c", CHECK])
        rehearsal.run("app1", ["sh", "-c", COMPILED])
