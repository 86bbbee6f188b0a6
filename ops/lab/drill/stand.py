"""Where a rehearsal takes place: this is where a lab comes up for it, and goes down again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ops.lab import fleet
from ops.lab.drill.commands import must_fab
from ops.lab.plan import HOSTS, Lab, lab_named


@contextmanager
def applied_lab(prefix: str, own: str, say: Callable[[str], None]) -> Iterator[tuple[Lab, bool]]:
    """Give the lab of that prefix if it is up, else one of our own; its hosts are servers.

    One of our own has the prefix `own`, and goes down at the end whatever happens. The
    second value tells which it is.
    """
    running = lab_named(prefix)
    is_own = not (running.home / "inventory.toml").exists()
    lab = lab_named(own) if is_own else running
    try:
        if is_own:
            say(f"bringing up a lab for this alone: {lab.fleet}")
            fleet.up(lab, HOSTS, None, say)
        say(f"applying {lab.fleet}")
        must_fab("apply", "--fleet", fleet_of(lab), "--yes")
        yield lab, is_own
    finally:
        if is_own:
            fleet.down(lab)


def fleet_of(lab: Lab) -> str:
    """Return what `--fleet` is given."""
    return str(lab.home / "inventory.toml")
