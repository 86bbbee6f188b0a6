"""What a body would mean to a check's filtering rules, in words. Pure."""

from app.checks.state import Action, Rules, by_keyword

_MEANS = {
    Action.SUCCESS: "a success",
    Action.FAIL: "a failure: the check goes down",
    Action.START: "the start of a run",
    Action.IGN: "put into the log and changes nothing",
}
_KINDS = {
    Action.SUCCESS: "success word",
    Action.FAIL: "failure word",
    Action.START: "start word",
}


def trial(rules: Rules, body: str) -> str:
    """Return what a ping with that body would be, and why; "" for no body."""
    if not body.strip():
        return ""
    action, word = by_keyword(rules, body)
    why = f"it has the {_KINDS[action]} “{word}”" if word else "it has none of the words"
    return f"A ping with this body is {_MEANS[action]}, because {why}."
