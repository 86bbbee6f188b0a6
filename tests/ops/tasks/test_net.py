"""What an operator reads of `fab net.verify`."""

from ops.net import Answer, Family, Finding, Unused, Wrong
from ops.probing import Report
from ops.tasks.net import as_json, lines, notes, summary

BOTH = (Family.IPV4, Family.IPV6)
CLOSED = Finding(Wrong.CLOSED, "app1", "db1", 5432, BOTH, (Answer.SILENT,))
OPEN = Finding(Wrong.OPEN, "db2", "db1", 4322, (Family.IPV6,), (Answer.REFUSED,))


def report(*findings: Finding, troubles: tuple[str, ...] = ()) -> Report:
    unused = (Unused(9100, (Family.IPV6,), ("app1", "db1")),)
    return Report(findings, unused, (Family.IPV6,), troubles, 1152, from_here=True)


def test_a_door_is_a_line_with_source_target_port_and_service() -> None:
    assert list(lines(report(CLOSED, OPEN))) == [
        "closed that should be open  app1 -> db1  5432 postgresql  IPv4 and IPv6: silence",
        "open that should be closed   db2 -> db1  4322 in no catalogue  IPv6: nobody listens",
    ]


def test_what_is_no_finding_is_a_note() -> None:
    assert list(notes(report())) == [
        "9100 node-metrics is open by IPv6 on app1, db1, and nobody listens there.",
        "nobody answers this machine by IPv6: what is open to it was not judged.",
    ]


def test_the_last_line_says_how_many_doors_and_how_long() -> None:
    assert summary(report(), 4.26) == (
        "1152 doors tried in 4.3 s: exactly what the catalogue declares is open."
    )
    assert summary(report(OPEN), 4.0) == (
        "1152 doors tried in 4.0 s: 1 not as the catalogue declares."
    )
    assert summary(report(troubles=("db2: gone.",)), 4.0) == (
        "1152 doors tried in 4.0 s: 0 not as the catalogue declares, 1 host not reached."
    )


def test_a_host_that_was_not_reached_is_not_exact() -> None:
    assert report().is_exact
    assert not report(troubles=("db2: gone.",)).is_exact
    assert as_json(report(OPEN), 1.0)["exact"] is False
