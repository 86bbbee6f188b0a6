"""What a run says to a person: Markdown that can stand in docs/benchmarks.md as it is. Pure."""

from collections.abc import Mapping, Sequence

from tests.bench.ping.bounds import Promise
from tests.bench.ping.measured import Row
from tests.bench.ping.rows import is_limited_by_load
from tests.bench.ping.spent import Memory

_HEAD = """
| row | per second | p50 / p99, ms | CPU s for 10,000 | by process | MB (PSS) |
|---|---:|---:|---:|---|---|
"""


def page(
    about: Sequence[str],
    rows: Sequence[Row],
    promises: Sequence[tuple[Promise, float | None]],
    durability: Mapping[str, Mapping[str, float | None]],
) -> str:
    """Return the whole page: what was measured where, the rows, the ratios, the durability."""
    parts = ["\n".join(about), _rows(rows), _ratios(promises), _durability(durability)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _rows(rows: Sequence[Row]) -> str:
    lines = [_line(row) for row in rows]
    notes = [f"- {row.name}: {problem}" for row in rows for problem in row.problems]
    said = _HEAD.strip() + "\n" + "\n".join(lines)
    if any(is_limited_by_load(row.more) for row in rows):
        said += "\n\n¹ wrk had no processor time left, what it asked had: that can do more."
    return f"{said}\n\nMarked ✗, because:\n\n" + "\n".join(notes) if notes else said


def _line(row: Row) -> str:
    mark = (" ✗" if row.problems else "") + ("¹" if is_limited_by_load(row.more) else "")
    parts = ", ".join(f"{name} {spent:.3f}" for name, spent in row.cpu_per_10k.items())
    late = f"{_ms(row.p50_ms)} / {_ms(row.p99_ms)}" if row.p50_ms is not None else ""
    cpu = f"{row.cpu_per_10k_total:.3f}" if row.cpu_per_10k else ""
    rate = f"{row.per_second:,.0f}" if row.per_second >= 100 else f"{row.per_second:.1f}"
    return f"| {row.name}{mark} | {rate} | {late} | {cpu} | {parts} | {_memory(row.memory)} |"


def _memory(held: Mapping[str, Memory]) -> str:
    return ", ".join(f"{name} {one.pss_mb:.0f}" for name, one in held.items())


def _ratios(promises: Sequence[tuple[Promise, float | None]]) -> str:
    lines = ["| ratio | measured | bound | aim |", "|---|---:|---:|---:|"]
    for promise, value in promises:
        sign = "≤" if promise.is_most else "≥"
        bound, aim = (
            f"{sign} {limit:.3g}" if limit is not None else ""
            for limit in (promise.bound, promise.aim)
        )
        measured = "not measured" if value is None else f"{value:.3g}"
        lines.append(f"| `{promise.name}` | {measured} | {bound} | {aim} |")
    return "\n".join(lines)


def _durability(durability: Mapping[str, Mapping[str, float | None]]) -> str:
    if not durability:
        return ""
    lines = [
        "| pings/s | durability adds, ms (p50) | bound | with the drain at work "
        "| answer p50 / p99 | bare fdatasync: prepared file | growing file |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for rate, said in durability.items():
        names = ("added_p50", "bound", "added_p50_drain_at_work")
        values = [_ms(said.get(name)) for name in names]
        values.append(f"{_ms(said.get('answer_p50'))} / {_ms(said.get('answer_p99'))}")
        values += [_ms(said.get("fdatasync_p50")), _ms(said.get("fdatasync_growing_file_p50"))]
        values[1] = f"≤ {values[1]}"
        lines.append(f"| {int(rate):,} | " + " | ".join(values) + " |")
    return "\n".join(lines)


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}" if value < 100 else f"{value:.0f}"
