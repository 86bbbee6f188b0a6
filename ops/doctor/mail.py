"""Does the mail server answer every application server: alerts go out by it."""

from collections.abc import Iterator, Mapping

from ops.doctor.seen import FLEET, Level, Line, Questions, Seen
from provisioning.fleet import Fleet, Host, Machine, Role

SUBJECT = "mail"
WELCOME = 250  # of SMTP's EHLO


def questions(fleet: Fleet, host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask the application servers to greet it; nothing is sent."""
    if host.role is not Role.APP_SERVER or not fleet.mail_server:
        return {}
    name, _, port = fleet.mail_server.rpartition(":")
    return {SUBJECT: {"about": "mail", "host": name, "port": int(port)}}


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line for each application server."""
    server = seen.fleet.mail_server
    if not server:
        words = "the inventory has no mail_server: no mail goes out."
        yield Line(SUBJECT, FLEET, Level.NOTE, words)
        return
    for host in seen.reached(Role.APP_SERVER):
        answer = seen.answer(host, SUBJECT)
        if "failed" in answer:
            why = f"{server} does not answer: {answer['failed']}. No mail goes out from here."
            yield Line(SUBJECT, host.name, Level.RED, why)
        elif answer["code"] != WELCOME:
            why = f"{server} turns us away: {answer['code']} {answer['said']}"
            yield Line(SUBJECT, host.name, Level.RED, why)
        else:
            yield Line(SUBJECT, host.name, Level.GREEN, f"{server} answers")
