"""How certificates stand: what the observer keeps, what each balancer has and what it shows."""

from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime

from ops.certificates.pair import Kind, Shown, shown, troubles_of_chain
from ops.errors import HostError
from ops.reading import MOST_AT_ONCE
from ops.remote import Session
from provisioning.fleet import Host, Role
from provisioning.flows import HTTPS
from provisioning.programs.certifying import KEPT, LIVE

SOON_DAYS = 21  # a renewal that is due for nine days has failed for nine days
_LOOK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Standing:
    """One kind on one host; `about` None when there is none. `trouble` "" means all is well."""

    host: str
    kind: str
    about: Shown | None
    trouble: str
    is_balancer: bool = False


def standings(
    hosts: Iterable[Host],
    open_session: Callable[[Host], Session],
    names: Collection[str],
    now: datetime,
) -> list[Standing]:
    """Ask all hosts at once; one that cannot be asked has a line that says why."""

    def one(host: Host) -> list[Standing]:
        try:
            return list(_of_host(open_session(host), names, now))
        except HostError as error:
            return [Standing(host.name, "", None, str(error))]

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        found = [each for some in pool.map(one, hosts) for each in some]
    kept = {each.kind: each.about for each in found if each.about and not each.is_balancer}
    return [_compared(each, kept.get(each.kind)) for each in found]


def _of_host(session: Session, names: Collection[str], now: datetime) -> Iterator[Standing]:
    is_balancer = session.host.role is Role.LOAD_BALANCER
    folder = LIVE if is_balancer else KEPT
    there = session.ask("certificates", answer_seconds=_LOOK_SECONDS, folder=folder)["pairs"]
    handshakes = _handshakes(session, names) if is_balancer else []
    for kind in Kind:
        text = there.get(kind, "")
        about = shown(text)
        troubles = troubles_of_chain(text, kind, names, now) if text else ["is not there"]
        if about and not troubles and about.days_left(now) < SOON_DAYS:
            troubles.append("is due: fab certs.renew")
        troubles += dict.fromkeys(_not_shown(about, kind, handshakes))
        yield Standing(session.host.name, kind, about, "; ".join(troubles), is_balancer)


def _handshakes(session: Session, names: Collection[str]) -> list[dict[str, str]]:
    """Return what a balancer shows to itself."""
    answer = session.ask(
        "handshakes",
        answer_seconds=_LOOK_SECONDS,
        addresses=[session.host.address],
        names=list(names),
        port=HTTPS.port,
    )
    found: list[dict[str, str]] = answer["handshakes"]
    return found


def _not_shown(
    about: Shown | None, kind: Kind, handshakes: Iterable[dict[str, str]]
) -> Iterator[str]:
    """Yield how what HAProxy shows differs from what lies there."""
    for one in handshakes:
        if one["kind"] != kind:
            continue
        is_shown = shown(one.get("certificate", ""))
        if is_shown is None:
            yield f"HAProxy shows none: {one.get('trouble')}"
        elif about and is_shown.serial != about.serial:
            yield f"HAProxy still shows {is_shown.serial}: fab certs.install"


def _compared(one: Standing, kept: Shown | None) -> Standing:
    """Return it with the word that the observer keeps another one."""
    if one.trouble or not kept or not one.about or one.about.serial == kept.serial:
        return one
    return replace(one, trouble="is not what the observer keeps: fab certs.install")
