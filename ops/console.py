"""How an operator is spoken to: narration on stderr, data on stdout, one line a change."""

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping

from ops.changes import Change, Verb
from ops.plan import HostPlan, Plan

_SYMBOLS = {
    Verb.CREATE: "+",
    Verb.INSTALL: "+",
    Verb.REMOVE: "-",
    Verb.PURGE: "-",
    Verb.STOP: "-",
    Verb.DISABLE: "-",
}
_COLOURS = {"+": "32", "-": "31", "~": "33", "!": "31;1"}
_INDENT = "      "


class Console:
    """Writes whole lines from many threads; colour only on a terminal that wants it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._lock = threading.Lock()
        self._is_terminal = sys.stderr.isatty()
        # A plan goes to stdout: one that is kept in a file has no colours in it.
        both = self._is_terminal and sys.stdout.isatty()
        self._colour = both and "NO_COLOR" not in environment
        self._progress = ""

    def say(self, text: str) -> None:
        """Write narration."""
        with self._lock:
            self._wipe()
            sys.stderr.write(f"{text}\n")
            self._redraw()

    def data(self, text: str) -> None:
        """Write what a program may read."""
        if not text:
            return
        with self._lock:
            self._wipe()
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()
            self._redraw()

    def progress(self, text: str) -> None:
        """Keep a line at the bottom of a terminal that says how far it is; "" takes it away."""
        if not self._is_terminal:
            return
        with self._lock:
            self._wipe()
            self._progress = text
            self._redraw()

    def change(self, host: str, change: Change, width: int) -> str:
        """Return the line of a change: host, symbol, verb, what."""
        symbol = self._paint(_SYMBOLS.get(change.verb, "~"))
        return f"  {host:<{width}}  {symbol} {change.verb:<8} {change.key}"

    def trouble(self, text: str) -> str:
        """Return a line that says what went wrong."""
        return f"  {self._paint('!')} {text}"

    def _paint(self, symbol: str) -> str:
        return f"\x1b[{_COLOURS[symbol]}m{symbol}\x1b[0m" if self._colour else symbol

    def _wipe(self) -> None:
        if self._progress:
            sys.stderr.write("\r\x1b[K")

    def _redraw(self) -> None:
        if self._progress:
            sys.stderr.write(self._progress)
        sys.stderr.flush()


def show_plan(plan: Plan, console: Console) -> None:
    """Write the plan on stdout: every change, each diff once, then what it comes to."""
    width = max(len(each.host.name) for each in plan.hosts)
    shown: dict[tuple[str, tuple[str, ...]], str] = {}
    for each in plan.hosts:
        for change in each.changes:
            console.data(console.change(each.host.name, change, width))
            first = shown.setdefault((change.key, change.detail), each.host.name)
            if first != each.host.name and len(change.detail) > 1:
                console.data(f"{_INDENT}as on {first}")
            else:
                console.data("".join(f"{_INDENT}{line}\n" for line in change.detail)[:-1])
    for trouble in plan.troubles:
        console.say(console.trouble(trouble))
    console.say(summary(plan))


def summary(plan: Plan) -> str:
    """Return "14 changes on 3 of 8 hosts, 1 not read. Digest 0123456789ab."."""
    count = sum(len(each.changes) for each in plan.hosts)
    touched = sum(bool(each.changes) for each in plan.hosts)
    unread = f", {len(plan.troubles)} not read" if plan.troubles else ""
    if not count:
        return f"Nothing to do on {len(plan.hosts) - len(plan.troubles)} hosts{unread}."
    what = "1 change" if count == 1 else f"{count} changes"
    return f"{what} on {touched} of {len(plan.hosts)} hosts{unread}. Digest {plan.digest()}."


def counting(console: Console, what: str, hosts: Iterable[HostPlan | str]) -> Callable[[], None]:
    """Return what to call when one more host is done; it keeps the progress line true."""
    total, done, lock = len(list(hosts)), [0], threading.Lock()
    console.progress(f"{what} 0 of {total} hosts")

    def one_more() -> None:
        with lock:  # to the end: the last host's word has to be the last
            done[0] += 1
            console.progress("" if done[0] == total else f"{what} {done[0]} of {total} hosts")

    return one_more
