"""Spells of failures become the figures of a report."""

from typing import Any

from ops.lab.drill.figures import lines, of_clients

WRITER = {"writes": 900, "gap_seconds": 0.81234, "gap_at": 0.0, "errors": {"25006": 2}}


def spell(kind: str, what: str, seconds: float, requests: int) -> dict[str, Any]:
    return {"kind": kind, "what": what, "at": 0.0, "seconds": seconds, "requests": requests}


def traffic(*spells: dict[str, Any]) -> dict[str, Any]:
    return {"requests": 1000, "spells": spells, "seconds": {"max": 1.0}}


def test_pings_refused_and_pages_in_trouble_are_counted_apart() -> None:
    found = of_clients(
        traffic(
            spell("pings", "503", 0.5, 3),
            spell("slow pings", "time-out", 2.0, 1),
            spell("pages", "500", 0.7, 2),
            spell("pages", "500", 1.2, 4),
            spell("pages", "503", 3.0, 9),
        ),
        WRITER,
    )
    assert found["refused"] == 4
    assert found["refused_as"] == {"503": 3, "time-out": 1}
    assert (found["page_500s"], found["longest_500s_seconds"]) == (6, 1.2)
    assert found["pages_failed_as"] == {"500": 6, "503": 9}
    assert found["longest_page_trouble_seconds"] == 3.0
    assert found["write_gap_seconds"] == 0.812


def test_nothing_that_failed_is_nothing() -> None:
    found = of_clients(traffic(), WRITER)
    assert (found["refused"], found["page_500s"], found["longest_500s_seconds"]) == (0, 0, 0.0)


def test_each_failover_is_told_with_what_it_has() -> None:
    shown = lines({"planned": {"lost": 0, "parts": {"stop": 0.1, "promote": 0.2}},
                   "unplanned": {"lost": None, "parts": {}}})  # fmt: skip
    assert shown == [
        "planned",
        "  lost   0",
        "  parts  stop 0.1, promote 0.2",
        "unplanned",
        "  lost   -",
        "  parts  none",
    ]
