"""What the observer has on top: the place of watchdog, collector, status page and drill."""

from collections.abc import Mapping

from provisioning.fleet import Fleet, Host, Machine
from provisioning.resources import Directory, Package, Resource

SECRETS: tuple[str, ...] = ()


def resources(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return the resources of the role, in order."""
    return (*_certificates(),)


def _certificates() -> tuple[Resource, ...]:
    """Return what `fab certs.issue` needs: the account and both pairs are kept there."""
    return (
        Package("lego"),
        Directory("/var/lib/stillhere-certificates", mode=0o700),
    )
