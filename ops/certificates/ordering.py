"""Which certificates are due, and how lego gets them: on the observer, which keeps them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from ops.audit import Audit
from ops.certificates.pair import Kind, shown, troubles_of_pair
from ops.errors import ChangeFailed, InventoryError, Refused, VaultError
from ops.remote import Session
from ops.secrets import Secret
from provisioning.fleet import Fleet, Host, Role
from provisioning.programs.certifying import KEPT

ORDER_SECONDS = 1_200  # lego waits for the zone, twice when the authority has forgotten us
READ_SECONDS = 60
_VAULT_PREFIX = "dns_"

Pairs = dict[Kind, str]


@dataclass(frozen=True, slots=True)
class Order:
    """All that lego needs. `environment` gets it into the zone and never prints itself."""

    names: tuple[str, ...]
    directory: str
    email: str
    provider: str
    authority: str
    environment: dict[str, str] = field(repr=False)


def names_of(fleet: Fleet) -> tuple[str, ...]:
    """Return the names that every certificate is for."""
    return tuple(dict.fromkeys((fleet.site, fleet.pings)))


def observer_of(fleet: Fleet) -> Host:
    """Return the host that keeps account and certificates."""
    observers = fleet.of_role(Role.OBSERVER)
    if not observers:
        raise Refused("The fleet has no observer, which would keep the certificates.")
    return observers[0]


def order_of(fleet: Fleet, secrets: Mapping[str, Secret]) -> Order:
    """Return what to order for a fleet. Its vault has lego's environment: dns_NAME is NAME."""
    settings = fleet.certificates
    if settings is None:
        raise InventoryError(
            f"{fleet.path} has no [certificates]. Give it directory, email and dns; see "
            "docs/runbooks/certificates.md."
        )
    environment = {
        name.removeprefix(_VAULT_PREFIX).upper(): value.reveal()
        for name, value in secrets.items()
        if name.startswith(_VAULT_PREFIX)
    }
    if not environment:
        raise VaultError(
            f"The vault has no dns_* entry, and lego needs what {settings.dns} asks for "
            f"(lego dnshelp --code {settings.dns}); add them by fab secrets.edit."
        )
    return Order(
        names=names_of(fleet),
        directory=settings.directory,
        email=settings.email,
        provider=settings.dns,
        authority=_authority(fleet, settings.authority),
        environment=environment,
    )


def due(pairs: Pairs, names: Collection[str], now: datetime, within_days: int) -> dict[Kind, str]:
    """Return which kinds have to be ordered, each with the reason."""
    found = {}
    for kind in Kind:
        if kind not in pairs:
            found[kind] = "is not there yet"
            continue
        about = shown(pairs[kind])
        if troubles := troubles_of_pair(pairs[kind], kind, names, now):
            found[kind] = "; ".join(troubles)
        elif about and set(about.names) != set(names):
            found[kind] = f"is also for {', '.join(sorted(set(about.names) - set(names)))}"
        elif about and about.days_left(now) < within_days:
            found[kind] = f"expires in {about.days_left(now)} days"
    return found


def read_pairs(session: Session) -> Pairs:
    """Return the pairs that the observer keeps, keys and all: only in memory."""
    answer = session.ask("certificates", answer_seconds=READ_SECONDS, folder=KEPT, with_keys=True)
    return {Kind(kind): text for kind, text in answer["pairs"].items()}


def order(session: Session, what: Order, kind: Kind, audit: Audit) -> None:
    """Have one certificate made. ChangeFailed with lego's reason; then all is as it was."""
    words = f"order certificate {kind} for {', '.join(what.names)}"
    try:
        session.ask(
            "order_certificate",
            answer_seconds=ORDER_SECONDS,
            kind=kind,
            names=list(what.names),
            directory=what.directory,
            email=what.email,
            provider=what.provider,
            environment=what.environment,
            authority=what.authority,
            audit=audit.line(words),
        )
    except ChangeFailed as error:
        audit.keep(session.host.name, "failed", f"{words}: {error}")
        raise
    audit.keep(session.host.name, "made", words)


def _authority(fleet: Fleet, name: str) -> str:
    if not name:
        return ""
    try:
        return (fleet.path.parent / name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InventoryError(
            f"{fleet.path}: authority = {name!r} cannot be read beside it: {error}."
        ) from None
