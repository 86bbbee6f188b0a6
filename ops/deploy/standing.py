"""What is where: this is where hosts are asked how they stand with releases."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from haproxy.stats import Admin
from ops.deploy.balancers import Seen, lines_of
from ops.deploy.desk import Desk
from ops.errors import HostError
from ops.reading import MOST_AT_ONCE
from ops.release import OnHost, what_is_on
from ops.remote import Session
from provisioning.fleet import Host, Role

ASK_SECONDS = 60
RETIRED = "retired"  # so begins the maintenance of one that is about to leave the inventory


@dataclass(frozen=True, slots=True)
class Standing:
    """A host: its releases, its marks, and of which release each of its services runs.

    `mark` is that of a deploy or a reboot which is under way or was cut off; {} when
    there is none. `maintenance` is what the host's own file says, None without one.
    `database` is writable, standby or none; "" on hosts that are for something else.
    """

    host: Host
    on: OnHost
    applied: bool
    mark: Mapping[str, str]
    maintenance: str | None
    units: Mapping[str, Mapping[str, str]]
    database: str = ""

    @property
    def serves(self) -> bool:
        """Return True for a host whose services run a release."""
        return self.host.role is Role.APP_SERVER

    @property
    def running(self) -> frozenset[str]:
        """Return the releases that its services run; "" for one that does not run."""
        if not self.serves:
            return frozenset()
        up = {name: one for name, one in self.units.items() if one["active"] == "active"}
        return frozenset(up[name]["release"] if name in up else "" for name in self.units)

    @property
    def is_retired(self) -> bool:
        """Return True for a server that was taken out for good."""
        return (self.maintenance or "").startswith(RETIRED)

    def is_at(self, release_id: str) -> bool:
        """Tell whether nothing has to be done for it to have, and to run, that release."""
        is_linked = self.on.current == release_id and not self.mark
        return is_linked and self.running <= {release_id}

    def before(self, release_id: str) -> str:
        """Return the release to go back to; "" when there is none.

        One whose deploy was cut off is not: nobody knows whether it works. The mark does know.
        """
        marked = self.mark.get("before", "")
        if marked and marked != release_id:
            return marked
        return self.on.current if self.on.current != release_id else self.on.previous


def standing_of(session: Session) -> Standing:
    """Ask one host. HostError when it does not answer."""
    said = session.ask("standing", answer_seconds=ASK_SECONDS)
    host = session.host
    database = ""
    if host.role is Role.DATABASE:
        database = session.ask("see_database", answer_seconds=ASK_SECONDS)["state"]
    return Standing(
        host,
        what_is_on(session),
        bool(said["applied"]),
        said["mark"],
        said["maintenance"],
        said["units"],
        database,
    )


def standings(desk: Desk, hosts: Iterable[Host]) -> dict[str, Standing | str]:
    """Ask hosts at once; a text says why one does not answer. Locked by another operator."""

    def one(host: Host) -> tuple[str, Standing | str]:
        try:
            return host.name, standing_of(desk.of(host))
        except HostError as error:
            return host.name, str(error)

    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        return dict(pool.map(one, hosts))


def to_be_afterwards(seen: Seen, server: Host, mark: Mapping[str, str]) -> Admin:
    """Return what a server is to be when all is done: what it is by an operator's hand.

    One that a procedure has taken out has a mark, which says what it was before that.
    """
    if mark:
        return Admin(mark.get("afterwards", Admin.READY))
    told = {line.report.admin for line in lines_of(seen, server)}
    for state in (Admin.MAINTENANCE, Admin.DRAIN):
        if state in told:
            return state
    return Admin.READY
