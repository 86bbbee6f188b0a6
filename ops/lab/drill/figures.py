"""What came of a drill: this is where clients' and writer's figures become those of a report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

_ERROR = "500"


def of_clients(traffic: Mapping[str, Any], writer: Mapping[str, Any]) -> dict[str, Any]:
    """Return what clients met. Times in seconds.

    `refused`: pings without a yes. `longest_500s_seconds`: how long one client was answered
    500 without a pause; `longest_page_trouble_seconds`: the same with every other trouble.
    """
    spells: Sequence[Mapping[str, Any]] = traffic["spells"]
    of_pings = [one for one in spells if "pings" in one["kind"]]
    of_pages = [one for one in spells if "pings" not in one["kind"]]
    errors = [one for one in of_pages if one["what"] == _ERROR]
    return {
        "requests": traffic["requests"],
        "refused": _requests(of_pings),
        "refused_as": _by_kind(of_pings),
        "pages_failed_as": _by_kind(of_pages),
        "page_500s": _requests(errors),
        "longest_500s_seconds": _longest(errors),
        "longest_page_trouble_seconds": _longest(of_pages),
        "slowest_answer_seconds": round(traffic["seconds"]["max"], 2),
        "writes": writer["writes"],
        "write_gap_seconds": round(writer["gap_seconds"], 3),
        "write_errors": writer["errors"],
    }


def _requests(spells: Sequence[Mapping[str, Any]]) -> int:
    return sum(one["requests"] for one in spells)


def _by_kind(spells: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for one in spells:
        found[one["what"]] += one["requests"]
    return dict(found)


def _longest(spells: Sequence[Mapping[str, Any]]) -> float:
    return round(max((one["seconds"] for one in spells), default=0.0), 2)


def lines(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return them for people: a figure a line, below the name of its failover."""
    width = max(len(name) for one in figures.values() for name in one)
    found = []
    for kind, one in figures.items():
        found.append(kind)
        found += [f"  {name:<{width}}  {_word(value)}" for name, value in one.items()]
    return found


def _word(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items()) or "none"
    return str(value)
