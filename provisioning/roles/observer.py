"""What the observer has on top: the place of watchdog, collector, status page and drill.

Three accounts, since each holds what the others must not: the watchdog's may
change the zone, the drill's decrypts backups, the collector's speaks to everybody.
What they run comes with releases.
"""

from collections.abc import Mapping

from provisioning import backups, releases, renewal
from provisioning.fleet import Fleet, Host, Machine
from provisioning.resources import Directory, Package, Resource, User
from provisioning.roles.database import without_cluster

SECRETS: tuple[str, ...] = ()
ACCOUNTS = {
    "stillhere-watchdog": "/var/lib/stillhere-watchdog",
    "stillhere-drill": "/var/lib/stillhere-drill",
}


def resources(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return the resources of the role, in order."""
    return (
        *without_cluster(),  # the drill makes a throw-away one, as its own user
        Package("gnupg"),  # and decrypts what it restores
        *releases.places(),
        *releases.data(),  # the collector's samples and incidents
        *(each for name, home in ACCOUNTS.items() for each in _account(name, home)),
        *_certificates(),
        *renewal.ordering(fleet, host, secrets),
        *backups.keeping(fleet, host, secrets),
    )


def _account(name: str, home: str) -> tuple[Resource, ...]:
    return (User(name, home=home), Directory(home, mode=0o700, owner=name, group=name))


def _certificates() -> tuple[Resource, ...]:
    """Return what `fab certs.issue` needs: the account and both pairs are kept there."""
    return (
        Package("lego"),
        Directory("/var/lib/stillhere-certificates", mode=0o700),
    )
