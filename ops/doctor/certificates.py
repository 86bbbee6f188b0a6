"""Are both certificates of every load balancer there, right, served, and good for a while."""

import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from ops.doctor.seen import Level, Line, Questions, Seen, not_examined
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.flows import HTTPS

SUBJECT = "certificate"
PATH = "/etc/haproxy/certificates/site.pem"
KINDS = ("ecdsa", "rsa")  # clients that know one of them only are out there
LEAST_DAYS = 14
DAY_SECONDS = 86_400


def questions(fleet: Fleet, host: Host, _machines: Mapping[str, Machine]) -> Questions:
    """Ask each load balancer about both."""
    if host.role is not Role.LOAD_BALANCER:
        return {}
    names = [fleet.site, fleet.pings]
    return {
        f"{SUBJECT} {kind}": {
            "about": "certificate",
            "path": f"{PATH}.{kind}",
            "names": names,
            "kind": kind,
            "address": host.address,
            "port": HTTPS.port,
        }
        for kind in KINDS
    }


def lines(seen: Seen) -> Iterator[Line]:
    """Yield a line for each certificate."""
    for host in seen.reached(Role.LOAD_BALANCER):
        for kind in KINDS:
            answer = seen.answer(host, f"{SUBJECT} {kind}")
            if "failed" in answer:
                yield not_examined(SUBJECT, host, answer)
            else:
                now = seen.machines[host.name].now
                level, words = judged(answer, now)
                yield Line(SUBJECT, host.name, level, f"{PATH}.{kind} {words}")


def judged(answer: Mapping[str, Any], now: float) -> tuple[Level, str]:
    """Return how one certificate is at `now` (seconds since 1970)."""
    if not answer["is_there"]:
        if not answer["has_program"]:
            return Level.NOTE, "is not there, and HAProxy neither: fab apply."
        return Level.RED, "is not there: fab apply."
    days = (ssl.cert_time_to_seconds(answer["ends"]) - now) / DAY_SECONDS
    if days < 0:
        return Level.RED, f"has expired on {answer['ends']}. Renew it."
    if not answer["fits_key"]:
        return Level.RED, "has a key that is not the certificate's. Put both there anew."
    if answer["lacks"]:
        return Level.RED, f"is not for {' and '.join(answer['lacks'])}. Have it made for them."
    if days < LEAST_DAYS:
        return Level.RED, f"expires in {days:.0f} days, on {answer['ends']}. Renew it."
    if not answer["is_served"]:
        return Level.RED, "is not the one that HAProxy serves: systemctl reload haproxy."
    if answer["is_self_signed"]:
        return Level.NOTE, f"is self-signed: browsers warn. Good for {days:.0f} days."
    return Level.GREEN, f"is good for {days:.0f} days"
