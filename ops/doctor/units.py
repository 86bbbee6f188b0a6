"""Has a systemd unit failed, or does one die over and over."""

from collections.abc import Iterator, Mapping

from ops.doctor.seen import Level, Line, Questions, Seen, not_examined
from provisioning.fleet import Fleet, Host, Machine

SUBJECT = "units"


def questions(_fleet: Fleet, _host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask every host."""
    return {SUBJECT: {"about": "units"}}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line for each unit that has failed; one for a host without any."""
    for host in seen.reached():
        answer = seen.answer(host, SUBJECT)
        if "failed" in answer:
            yield not_examined(SUBJECT, host, answer)
            continue
        for name, words in answer["failed_units"].items():
            said = f"{name} has failed: {words.rstrip('.')}. journalctl -u {name}"
            yield Line(SUBJECT, host.name, Level.RED, said)
        if not answer["failed_units"]:
            yield Line(SUBJECT, host.name, Level.GREEN, "none has failed")
