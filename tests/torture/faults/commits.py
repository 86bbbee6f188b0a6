"""The drain says COMMIT, and the answer is lost, or never comes."""

from collections.abc import Sequence

from tests.e2e.service import wait_for
from tests.torture.case import Case
from tests.torture.commit_relay import CommitRelay, Mishap
from tests.torture.stage import Stage
from tests.torture.stages import behind_a_relay

# The drain gives a server that does not answer up after some ten seconds, and asks anew.
_PATIENCE_SECONDS = 60


def _suffer(stage: Stage, mishaps: Sequence[Mishap]) -> None:
    relay: CommitRelay = stage.servers["relay"]
    for count, mishap in enumerate(mishaps, start=1):
        stage.more(40)
        relay.planned.append(mishap)
        wait_for(
            lambda count=count: len(relay.happened) >= count,  # type: ignore[misc]
            f"a commit to suffer: {mishap}", stage.logs, timeout_seconds=_PATIENCE_SECONDS,
        )  # fmt: skip
    stage.notes["mishaps"] = len(relay.happened)


def drop_answers(stage: Stage) -> None:
    """Break the connection: behind the commit, and before it, in turns."""
    _suffer(stage, (Mishap.ANSWER_DROPPED, Mishap.REQUEST_DROPPED) * 5)


def hold_answers(stage: Stage) -> None:
    """Let the server fall silent: behind the commit, and before it."""
    _suffer(stage, (Mishap.ANSWER_HELD, Mishap.REQUEST_HELD))


CASES = (
    Case("commit-answers-dropped", behind_a_relay, drop_answers),
    Case("commit-answers-hanging", behind_a_relay, hold_answers),
)
