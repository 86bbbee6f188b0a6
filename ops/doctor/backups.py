"""Is there a backup that has been restored, and is it young enough."""

from collections.abc import Iterator, Mapping

from ops.backups.listed import Listed, in_words, why_not_recent
from ops.backups.reading import QUESTION, understood
from ops.doctor.seen import FLEET, Level, Line, Questions, Seen
from ops.errors import ChangeFailed
from provisioning.fleet import Fleet, Host, Machine, Role

SUBJECT = "backups"


def questions(fleet: Fleet, host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask the observers, which alone may read the bucket."""
    return {SUBJECT: QUESTION} if fleet.backups and host.role is Role.OBSERVER else {}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield what the first observer that answers says; it is one bucket for all."""
    if seen.fleet.backups is None:
        words = "the inventory has no [backups]: nothing is kept elsewhere (docs/backups.md)."
        yield Line(SUBJECT, FLEET, Level.NOTE, words)
        return
    observers = list(seen.reached(Role.OBSERVER))
    if not observers:
        words = "no observer answers: whether a backup comes back is not known."
        yield Line(SUBJECT, FLEET, Level.RED, words)
    for host in observers[:1]:
        try:
            found = understood(host.name, seen.answer(host, SUBJECT))
        except ChangeFailed as error:
            yield Line(SUBJECT, host.name, Level.RED, str(error).removeprefix(f"{host.name}: "))
            return
        for level, words in judged(found):
            yield Line(SUBJECT, FLEET, level, words)


def judged(found: Listed) -> Iterator[tuple[Level, str]]:
    """Yield how recent the newest verified backup is, and which ones are of no use. Pure."""
    newest = found.newest_verified
    if words := why_not_recent(found):
        yield Level.RED, words
    elif newest:
        yield Level.GREEN, f"{in_words(found, newest)} came back"
    for one in found.backups:
        if one.trouble:
            yield Level.RED, f"{one.id}: {one.trouble.rstrip('.')}."
    if found.unfinished_uploads:
        words = f"uploads that are not finished: {found.unfinished_uploads}."
        yield Level.NOTE, f"{words} The daily prune ends those that are older than a day."
