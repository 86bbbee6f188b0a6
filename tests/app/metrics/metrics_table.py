"""docs/metrics.md: this is where its table is made of the catalogue.

python -m tests.app.metrics.metrics_table      writes it anew (make docs)
"""

from app.metrics.catalogue import METRICS, Kind, Metric
from tests.architecture.tree import ROOT

DOCUMENT = ROOT / "docs" / "metrics.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"


def table() -> str:
    """Return the table as the document has it between its marks."""
    rows = ["| Metric | Kind | Labels | Said by | Meaning |", "|---|---|---|---|---|"]
    return "\n".join([*rows, *map(_row, METRICS)]) + "\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    meaning = metric.help
    if metric.kind is Kind.HISTOGRAM:
        meaning += f" Buckets from {metric.bounds[0]:g} to {metric.bounds[-1]:g}."
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.source} | {meaning} |"


def main() -> None:
    """Write the table into the document."""
    before, rest = DOCUMENT.read_text("utf-8").split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text(before + BEGIN + table() + END + after, "utf-8")


if __name__ == "__main__":
    main()
