"""The observer is asked what the bucket has: it alone may read it (the first, of several)."""

from collections.abc import Mapping
from typing import Any

from ops.backups.listed import Known, Listed, listed
from ops.errors import ChangeFailed, HostError, Locked, Refused
from ops.reading import Sessions
from provisioning.backups import KEEPER
from provisioning.fleet import Fleet, Host, Role

LIST_SECONDS = 150  # longer than the agent waits for the program
QUESTION = {"about": "backups", "account": KEEPER}


def known_backups(sessions: Sessions, fleet: Fleet) -> Known:
    """Return what it says; why it says nothing; None for a fleet without [backups]."""
    if fleet.backups is None:
        return None
    try:
        return listed_by(sessions, the_observer(fleet))
    except (HostError, Locked, Refused) as error:  # whoever holds it is not in our way
        return str(error)


def listed_by(sessions: Sessions, observer: Host) -> Listed:
    """Ask the observer. HostError when it does not answer, or cannot say."""
    asked = {"backups": QUESTION}
    said = sessions.of(observer).ask("examine", answer_seconds=LIST_SECONDS, questions=asked)
    return understood(observer.name, said["answers"]["backups"])


def understood(name: str, answer: Mapping[str, Any]) -> Listed:
    """Return the values of an answer; ChangeFailed when the host could not tell."""
    if "failed" in answer:
        raise ChangeFailed(f"{name}: its backups could not be listed: {answer['failed']}")
    if "lacks" in answer:
        raise ChangeFailed(f"{name}: {answer['lacks']}")
    try:
        return listed(answer, answer["asked_at"])
    except (KeyError, TypeError, ValueError) as error:
        raise ChangeFailed(f"{name}: its list of backups is not understood: {error!r}.") from None


def the_observer(fleet: Fleet) -> Host:
    """Return the host that keeps the backups. Refused for a fleet that has none."""
    if fleet.backups is None:
        raise Refused(f"The fleet {fleet.name} has no [backups] in its inventory: docs/backups.md.")
    for host in fleet.of_role(Role.OBSERVER):
        return host
    raise Refused(f"The fleet {fleet.name} has no observer: nobody may read its bucket.")
