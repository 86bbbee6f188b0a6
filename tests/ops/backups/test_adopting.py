"""What an operator is told before journals are drained into a restored database."""

import json
from dataclasses import asdict, replace

import pytest

from app.pings import adopting as of_the_product
from ops.backups.adopting import Found, Outlook, consequence, lines, reason, understood, why_not
from ops.errors import ChangeFailed
from tests.ops.databases.nodes import control, primary

SYSTEM = int(control().system_identifier)
BEFORE = 7_400_000_000_000_000_009
KEPT = Outlook("0", 1_200, 0, "2026-11-22 01:30:00 UTC", "", starts_anew=False)
DROPPED = Outlook("1", 800, 300, "2026-11-22 01:30:00 UTC", "", starts_anew=True)
APP1 = Found("app1", "0123456789ab", SYSTEM, 1, BEFORE, 3, (KEPT, DROPPED))


def test_what_can_be_applied_and_what_is_gone_is_said_of_each_journal() -> None:
    stuck = replace(KEPT, trouble="it ends at 40.")
    uncounted = replace(DROPPED, journal="2", gone=None)
    said = lines([APP1, replace(APP1, server="app2", journals=(stuck, uncounted))])
    since = "(of those since 2026-11-22 01:30:00 UTC)"
    assert said == [
        f"  app1  has drained into system {BEFORE}, timeline 3",
        "  app1  journal 0: 1200 can be applied again; none is gone",
        "  app1  journal 1: 800 can be applied again, from the oldest that is kept; "
        f"at most 300 are gone {since}",
        f"  app2  has drained into system {BEFORE}, timeline 3",
        "  app2  journal 0: cannot be drained, adopted or not: it ends at 40. "
        "docs/runbooks/journal.md says how to go on.",
        "  app2  journal 2: 800 can be applied again, from the oldest that is kept; "
        f"an unknown number is gone {since}",
    ]


@pytest.mark.parametrize(
    ("found", "has_to"),
    [
        (APP1, True),
        (replace(APP1, known=SYSTEM, known_timeline=1), True),
        (replace(APP1, known=SYSTEM, known_timeline=1, journals=(KEPT,)), False),
        (replace(APP1, known=SYSTEM, known_timeline=2, journals=(KEPT,)), True),
        (replace(APP1, known=None, known_timeline=None, journals=()), True),
    ],
)
def test_only_a_server_whose_drain_would_stop_has_to_adopt(found: Found, has_to: bool) -> None:
    assert found.has_to_adopt is has_to
    assert ("drains into this one already" in lines([found])[0]) is not has_to


def test_all_servers_have_to_get_to_the_one_that_takes_writes() -> None:
    leader = primary()
    assert why_not([APP1], leader) == ""
    assert "fab db.status" in why_not([APP1], None)
    elsewhere = replace(APP1, server="app2", system=12)
    assert f"db1 is system {SYSTEM}, and app2 gets to 12" in why_not([APP1, elsewhere], leader)
    assert "No application server" in why_not([], leader)


def test_the_consequence_counts_over_all_journals() -> None:
    second = replace(APP1, server="app2", journals=(replace(KEPT, pings=5),))
    assert consequence([APP1, second], primary()) == (
        "ADOPT db1.  2005 pings of the journals are applied to its database, each once; at most "
        "300 are gone for good. What they were drained into before is given up."
    )
    unknown = replace(APP1, journals=(DROPPED, replace(DROPPED, gone=None)))
    assert "more than 300 may be gone" in consequence([unknown], primary())
    assert "none is gone." in consequence([second], primary())


def test_of_a_traceback_only_what_and_why_is_told() -> None:
    said = "app1: manage.py backlog fails:\nTraceback ...\n  File x\nNoServer: none takes writes\n"
    assert (
        reason(ChangeFailed(said)) == "app1: manage.py backlog fails: NoServer: none takes writes"
    )
    assert reason(ChangeFailed("app1: no answer.")) == "app1: no answer."


def test_the_product_says_it_in_the_shape_that_is_understood() -> None:
    journal = of_the_product.Outlook("1", 800, 300, DROPPED.since, starts_anew=True)
    said = of_the_product.Found(SYSTEM, 1, BEFORE, [journal], 3)
    answer = json.loads(json.dumps(asdict(said)))
    assert understood("app1", APP1.release, answer) == replace(APP1, journals=(DROPPED,))
