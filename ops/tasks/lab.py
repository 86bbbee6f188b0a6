"""`fab lab.*`: the rehearsal fleet. What is said goes to stderr, what was asked for to stdout."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from json import dumps
from pathlib import Path
from typing import Any

from fabric import Connection, task
from invoke.exceptions import Exit

from ops.errors import OpsError
from ops.lab import faults, fleet, hosts, report
from ops.lab.drill import failover, figures, restore
from ops.lab.plan import DEFAULT_PREFIX, Lab, LabHost, chosen_hosts, lab_named

_PREFIX_HELP = "which lab; p makes the fleet lab-p, and two stand side by side"


@task(
    help={
        "prefix": _PREFIX_HELP,
        "debian": "13 or 12; default: what the lab has, else 13",
        "hosts": "only these, with commas",
    }
)
def up(_: Connection, prefix: str = DEFAULT_PREFIX, debian: int = 0, hosts: str = "") -> None:
    """Bring the rehearsal fleet up, or what is missing of it."""
    with _lab(prefix) as lab:
        began = time.monotonic()
        started = fleet.up(lab, chosen_hosts(lab, hosts), debian or None, _say)
        names = " ".join(host.name for host in started) or "nothing was missing"
        _say(f"fleet {lab.fleet}: {names}, ready in {time.monotonic() - began:.1f} s")
        _say(f"inventory {lab.home / 'inventory.toml'}")


@task(help={"prefix": _PREFIX_HELP})
def down(_: Connection, prefix: str = DEFAULT_PREFIX) -> None:
    """Take the rehearsal fleet down; nothing of it is left."""
    with _lab(prefix) as lab:
        began = time.monotonic()
        was_there = fleet.down(lab)
        what = "is gone" if was_there else "was not up"
        _say(f"fleet {lab.fleet} {what}, {time.monotonic() - began:.1f} s")


@task(help={"prefix": _PREFIX_HELP})
def status(_: Connection, prefix: str = DEFAULT_PREFIX) -> None:
    """Show a line for each host: state, uptime, memory, faults."""
    with _lab(prefix) as lab:
        fleet.require_up(lab)
        sys.stdout.write("\n".join(report.status(lab)) + "\n")


@task(help={"host": "its name", "prefix": _PREFIX_HELP})
def kill(_: Connection, host: str, prefix: str = DEFAULT_PREFIX) -> None:
    """Pull a host's plug: no goodbye, its disk stays."""
    with _running_lab(prefix) as lab, fleet.changing(lab):
        was_on = hosts.kill(lab, lab.host(host))
        _say(f"{host} is off" if was_on else f"{host} was off already")


@task(help={"host": "its name", "prefix": _PREFIX_HELP})
def start(_: Connection, host: str, prefix: str = DEFAULT_PREFIX) -> None:
    """Switch a host on that was killed, and wait for its ssh."""
    with _running_lab(prefix) as lab:
        is_new = fleet.start(lab, lab.host(host))
        _say(f"{host} is ready" if is_new else f"{host} was on already")


@task(help={"host": "its name", "prefix": _PREFIX_HELP})
def cut(_: Connection, host: str, prefix: str = DEFAULT_PREFIX) -> None:
    """Take a host's cable out; the host goes on."""
    with _cable_of(host, prefix) as (lab, one):
        faults.cut(lab, one)


@task(help={"host": "its name", "prefix": _PREFIX_HELP})
def uncut(_: Connection, host: str, prefix: str = DEFAULT_PREFIX) -> None:
    """Put a host's cable in again."""
    with _cable_of(host, prefix) as (lab, one):
        faults.uncut(lab, one)


@task(help={"host": "its name", "percent": "of frames, each way; 0: none", "prefix": _PREFIX_HELP})
def loss(_: Connection, host: str, percent: int, prefix: str = DEFAULT_PREFIX) -> None:
    """Lose some of what goes to and from a host."""
    with _cable_of(host, prefix) as (lab, one):
        faults.lose(lab, one, _number("percent", percent))


@task(help={"host": "its name", "ms": "each way; 0: none", "prefix": _PREFIX_HELP})
def delay(_: Connection, host: str, ms: int, prefix: str = DEFAULT_PREFIX) -> None:
    """Hold back what goes to and from a host; a round trip takes twice that."""
    with _cable_of(host, prefix) as (lab, one):
        faults.delay(lab, one, _number("ms", ms))


@task(
    help={
        "a": "a host",
        "b": "another host",
        "port": "only what goes from a to this port of b",
        "prefix": _PREFIX_HELP,
    }
)
def block(_: Connection, a: str, b: str, port: int = 0, prefix: str = DEFAULT_PREFIX) -> None:
    """Keep two hosts from hearing each other; all others hear both."""
    with _cable_of(a, prefix) as (lab, one):
        if port:
            faults.block_port(lab, one, lab.host(b), port)
        else:
            faults.block(lab, one, lab.host(b))


@task(help={"prefix": _PREFIX_HELP})
def clear(_: Connection, prefix: str = DEFAULT_PREFIX) -> None:
    """Mend all cables: no cut, loss, delay or block is left."""
    with _running_lab(prefix) as lab, fleet.changing(lab):
        faults.clear(lab)


@task(help={"host": "its name", "command": "one argument, for its shell", "prefix": _PREFIX_HELP})
def run(_: Connection, host: str, command: str, prefix: str = DEFAULT_PREFIX) -> None:
    """Run a command in a host without ssh, so that it works with the cable out as well."""
    with _running_lab(prefix) as lab:
        done = hosts.execute(lab, lab.host(host), ["sh", "-c", command], timeout_seconds=600)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    if done.returncode:
        raise Exit(code=done.returncode)


@task(
    positional=["what"],
    help={
        "what": "failover or restore",
        "json": "a file for the figures",
        "prefix": "which lab; it goes down afterwards unless it is up already",
    },
)
def drill(_: Connection, what: str, json: str = "", prefix: str = failover.PREFIX) -> None:
    """Rehearse a disaster, and hold a ledger of what clients were promised."""
    if what not in _DRILLS:
        raise Exit(f"There is no drill {what!r}. It has to be {' or '.join(_DRILLS)}.", code=1)
    began = time.monotonic()
    with _lab(prefix):
        _DRILLS[what](prefix, json)
        _say(f"done in {time.monotonic() - began:.0f} s")


def _failover(prefix: str, json: str) -> None:
    found = dict[str, dict[str, Any]]()

    def told(kind: str, one: dict[str, Any]) -> None:
        found[kind] = one
        _write_figures({kind: one}, found, json)

    failover.drill(prefix, _say_when, told)


def _restore(prefix: str, json: str) -> None:
    restore.drill(prefix, _say_when, lambda found: _write_figures({"restore": found}, found, json))


_DRILLS = {"failover": _failover, "restore": _restore}


def _write_figures(shown: dict[str, Any], found: dict[str, Any], json: str) -> None:
    sys.stdout.write("\n".join(figures.lines(shown)) + "\n")
    if json:
        Path(json).write_text(dumps(found, indent=1) + "\n", "utf-8")


@contextmanager
def _lab(prefix: str) -> Iterator[Lab]:
    """Give the lab of that prefix; what it refuses is said without a traceback."""
    try:
        yield lab_named(prefix)
    except OpsError as error:
        raise Exit(str(error), code=1) from None


@contextmanager
def _running_lab(prefix: str) -> Iterator[Lab]:
    with _lab(prefix) as lab:
        fleet.require_up(lab)
        yield lab


@contextmanager
def _cable_of(host: str, prefix: str) -> Iterator[tuple[Lab, LabHost]]:
    """Give a host to do something to its cable; say what is wrong with it then."""
    with _running_lab(prefix) as lab, fleet.changing(lab):
        one = lab.host(host)
        yield lab, one
        _say(f"{host}: {', '.join(faults.faults_of(lab)[host]) or 'no fault'}")


def _number(name: str, text: int | str) -> int:
    # Invoke leaves an argument without a default a string.
    if not str(text).isdecimal():
        raise Exit(f"{name} has to be a whole number, not {text!r}.", code=1)
    return int(text)


def _say_when(words: str) -> None:
    _say(f"{time.strftime('%H:%M:%S')} {words}")


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
