"""One balancer after the other: this is where pairs go live, each proved before the next.

The proof is what the observer gets when it connects as a client: over IPv4 and
IPv6, for every name, with either kind of key. Red: the old pairs back, and stop.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ops.audit import Audit
from ops.certificates.ordering import Pairs
from ops.certificates.pair import Kind, shown, troubles_of_pair
from ops.errors import ChangeFailed, HostError, Refused
from ops.remote import Session
from provisioning.fleet import Host
from provisioning.flows import HTTPS

PROOF_SECONDS = 15.0  # a reload goes on while the old process still takes connections
PAUSE_SECONDS = 0.3
_INSTALL_SECONDS = 240
_LOOK_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ended:
    """How it ended for one balancer. `trouble` "" means that it shows the new certificates."""

    balancer: str
    trouble: str = ""
    was_touched: bool = True


def refuse_bad(pairs: Pairs, names: Sequence[str], now: datetime) -> None:
    """Refused when a pair is missing or must not go live."""
    found = [f"{kind} is not there" for kind in Kind if kind not in pairs]
    for kind, text in pairs.items():
        found += [f"{kind} {why}" for why in troubles_of_pair(text, kind, names, now)]
    if found:
        raise Refused(
            f"The observer's certificates cannot be installed: {'; '.join(found)}. "
            "fab certs.issue orders new ones."
        )


def install(
    balancers: Iterable[Host],
    open_session: Callable[[Host], Session],
    client: Session,
    pairs: Pairs,
    names: Sequence[str],
    audit: Audit,
    told: Callable[[str], None],
) -> list[Ended]:
    """Bring the pairs to each balancer. One that cannot be reached is left out; red is the end."""
    ended: list[Ended] = []
    for host in balancers:
        if ended and ended[-1].trouble and ended[-1].was_touched:
            ended.append(Ended(host.name, "was not touched", was_touched=False))
            continue
        try:
            session = open_session(host)
        except HostError as error:
            ended.append(Ended(host.name, str(error), was_touched=False))
            continue
        ended.append(_install_one(session, client, pairs, names, audit, told))
    return ended


def unproved(client: Session, host: Host, pairs: Pairs, names: Sequence[str]) -> list[str]:
    """Return what a client of the balancer gets that is not the pairs; nothing when all is."""
    wanted = {kind: about.serial for kind in pairs if (about := shown(pairs[kind]))}
    answer = client.ask(
        "handshakes",
        answer_seconds=_LOOK_SECONDS,
        addresses=[host.address, host.address6],
        names=list(names),
        port=HTTPS.port,
    )
    found = []
    for one in answer["handshakes"]:
        about = shown(one.get("certificate", ""))
        if about is None or about.serial != wanted[Kind(one["kind"])]:
            what = f"serial {about.serial}" if about else one.get("trouble", "no certificate")
            found.append(f"{one['kind']} for {one['name']} at {one['address']}: {what}")
    return found


def _install_one(
    session: Session,
    client: Session,
    pairs: Pairs,
    names: Sequence[str],
    audit: Audit,
    told: Callable[[str], None],
) -> Ended:
    host = session.host
    words = f"install certificates {_serials(pairs)}"
    try:
        if not unproved(client, host, pairs, names):
            told(f"{host.name}: shows them already")
            return Ended(host.name)
    except HostError as error:
        return Ended(host.name, f"{error} {host.name} was not touched.")
    try:
        session.ask(
            "install_certificates",
            answer_seconds=_INSTALL_SECONDS,
            pairs={str(kind): text for kind, text in pairs.items()},
            audit=audit.line(words),
        )
    except HostError as error:
        audit.keep(host.name, "failed", f"{words}: {error}")
        # The host refused, and is as it was; or the line broke, and nobody knows.
        is_known = isinstance(error, ChangeFailed)
        what = "The old ones stay." if is_known else "Look with fab certs.status, then install."
        return Ended(host.name, f"{error} {what}")
    try:
        _prove(client, host, pairs, names)
    except HostError as error:
        audit.keep(host.name, "failed", f"{words}: {error}")
        return Ended(host.name, f"{error} {_put_back(session, audit)}")
    audit.keep(host.name, "made", words)
    told(f"{host.name}: shows the new certificates")
    return Ended(host.name)


def _prove(client: Session, host: Host, pairs: Pairs, names: Sequence[str]) -> None:
    deadline = time.monotonic() + PROOF_SECONDS
    while wrong := unproved(client, host, pairs, names):
        if time.monotonic() > deadline:
            raise ChangeFailed(f"{host.name}: clients do not get them: {'; '.join(wrong[:2])}.")
        time.sleep(PAUSE_SECONDS)


def _put_back(session: Session, audit: Audit) -> str:
    words = "restore certificates"
    try:
        session.ask(
            "restore_certificates", answer_seconds=_INSTALL_SECONDS, audit=audit.line(words)
        )
    except HostError as error:
        audit.keep(session.host.name, "failed", f"{words}: {error}")
        return f"The old ones could not be put back: {error}"
    audit.keep(session.host.name, "made", words)
    return "The old ones were put back."


def _serials(pairs: Pairs) -> str:
    return ", ".join(f"{kind} {about.serial}" for kind in pairs if (about := shown(pairs[kind])))
