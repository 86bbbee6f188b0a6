"""Is there a backup that has been restored, and is it young enough."""

from collections.abc import Iterator, Mapping

from ops.backups.listed import Listed, in_words, why_not_recent
from ops.backups.reading import QUESTION, understood
from ops.doctor.seen import FLEET, Level, Line, Questions, Seen
from ops.errors import ChangeFailed
from provisioning.fleet import Fleet, Host, Machine, Role

SUBJECT = "backups"


def questions(fleet: Fleet, host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask the observer that keeps them."""
    is_asked = fleet.backups and host in fleet.of_role(Role.OBSERVER)[:1]
    return {SUBJECT: QUESTION} if is_asked else {}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield what the observer says of the bucket, or why nobody knows."""
    if seen.fleet.backups is None:
        words = "the inventory has no [backups]: nothing is kept elsewhere (docs/backups.md)."
        yield Line(SUBJECT, FLEET, Level.NOTE, words)
        return
    keepers = seen.fleet.of_role(Role.OBSERVER)[:1]
    for host in (host for host in seen.reached(Role.OBSERVER) if host in keepers):
        try:
            found = understood(host.name, seen.answer(host, SUBJECT))
        except ChangeFailed as error:
            yield Line(SUBJECT, host.name, Level.RED, str(error).removeprefix(f"{host.name}: "))
            return
        for level, words in judged(found):
            yield Line(SUBJECT, FLEET, level, words)
        return
    words = "no observer answers: whether a backup comes back is not known."
    yield Line(SUBJECT, FLEET, Level.RED, words)


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
