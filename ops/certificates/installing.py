"""One balancer after the other: this is where pairs go live, each proved before the next.

The proof is what the observer gets when it connects as a client: over IPv4 and
IPv6, for every name, with either kind of key. Red: the old pairs back, and stop. A
balancer that cannot be reached, or shows nothing, is left out: it has no clients to lose.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
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


@dataclass(frozen=True, slots=True)
class Installation:
    """What goes where: `client` is the session whose host connects as a client does."""

    client: Session
    pairs: Pairs = field(repr=False)
    names: Sequence[str]
    audit: Audit
    told: Callable[[str], None]

    def bring(
        self, balancers: Iterable[Host], open_session: Callable[[Host], Session]
    ) -> list[Ended]:
        """Go from one to the next. A silent one is left out; red is the end."""
        ended: list[Ended] = []
        for host in balancers:
            if any(one.trouble and one.was_touched for one in ended):
                ended.append(Ended(host.name, "was not touched", was_touched=False))
                continue
            try:
                ended.append(self._bring_to(open_session(host)))
            except HostError as error:
                ended.append(Ended(host.name, str(error), was_touched=False))
        return ended

    def _bring_to(self, session: Session) -> Ended:
        """Install and prove. HostError: nothing was touched."""
        name = session.host.name
        before = self._handshakes(session.host)
        if not any("certificate" in one for one in before):
            # Whether new ones are right could not be proved, and nobody waits for them here.
            why = f"shows nothing to the observer ({before[0]['trouble']}); is HAProxy down?"
            return Ended(name, why, was_touched=False)
        if not _wrong(before, self.pairs):
            self.told(f"{name}: shows them already")
            return Ended(name)
        words = f"install certificates {_serials(self.pairs)}"
        if trouble := self._install(session, words) or self._unproved(session):
            self.audit.keep(name, "failed", f"{words}: {trouble}")
            return Ended(name, trouble)
        self.audit.keep(name, "made", words)
        self.told(f"{name}: shows the new certificates")
        return Ended(name)

    def _install(self, session: Session, words: str) -> str:
        """Return "", or why the host did not take them."""
        texts = {str(kind): text for kind, text in self.pairs.items()}
        try:
            session.ask(
                "install_certificates",
                answer_seconds=_INSTALL_SECONDS,
                pairs=texts,
                audit=self.audit.line(words),
            )
        except ChangeFailed as error:
            return f"{error} The old ones stay."
        except HostError as error:
            return f"{error} Look with fab certs.status, then fab certs.install."
        return ""

    def _unproved(self, session: Session) -> str:
        """Return "" when clients get them; else put the old ones back and return why."""
        host, deadline = session.host, time.monotonic() + PROOF_SECONDS
        try:
            while wrong := _wrong(self._handshakes(host), self.pairs):
                if time.monotonic() > deadline:
                    why = f"clients do not get them: {'; '.join(wrong[:2])}."
                    return f"{why} {self._put_back(session)}"
                time.sleep(PAUSE_SECONDS)
        except HostError as error:
            return f"cannot be proved: {error} {self._put_back(session)}"
        return ""

    def _put_back(self, session: Session) -> str:
        line = self.audit.line("restore certificates")
        try:
            session.ask("restore_certificates", answer_seconds=_INSTALL_SECONDS, audit=line)
        except HostError as error:
            return f"The old ones could not be put back: {error}"
        return "The old ones were put back."

    def _handshakes(self, host: Host) -> list[dict[str, str]]:
        """Return what a client of the balancer gets, for each address, name and kind."""
        answer = self.client.ask(
            "handshakes",
            answer_seconds=_LOOK_SECONDS,
            addresses=[host.address, host.address6],
            names=list(self.names),
            port=HTTPS.port,
        )
        found: list[dict[str, str]] = answer["handshakes"]
        return found


def _wrong(handshakes: Iterable[dict[str, str]], pairs: Pairs) -> list[str]:
    """Return which of them did not show the pairs; nothing when all did."""
    wanted = {kind: about.serial for kind in pairs if (about := shown(pairs[kind]))}
    found = []
    for one in handshakes:
        about = shown(one.get("certificate", ""))
        if about is None or about.serial != wanted[Kind(one["kind"])]:
            what = f"serial {about.serial}" if about else one.get("trouble", "no certificate")
            found.append(f"{one['kind']} for {one['name']} at {one['address']}: {what}")
    return found


def _serials(pairs: Pairs) -> str:
    return ", ".join(f"{kind} {about.serial}" for kind in pairs if (about := shown(pairs[kind])))
