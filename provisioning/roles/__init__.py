"""What a host should be like: its role's resources on top of what every host has."""

from collections.abc import Callable, Mapping

from provisioning import backups
from provisioning.fleet import Fleet, Host, Machine, Role
from provisioning.resources import Resource
from provisioning.roles import app_server, base, database, load_balancer, observer

Described = Callable[[Fleet, Host, Mapping[str, Machine], Mapping[str, str]], tuple[Resource, ...]]
_OF_ROLE: dict[Role, Described] = {
    Role.LOAD_BALANCER: load_balancer.resources,
    Role.APP_SERVER: app_server.resources,
    Role.DATABASE: database.resources,
    Role.OBSERVER: observer.resources,
}
SECRETS = tuple(
    sorted({*base.SECRETS, *load_balancer.SECRETS, *app_server.SECRETS, *database.SECRETS,
            *observer.SECRETS})
)  # fmt: skip


def secrets_of(fleet: Fleet) -> tuple[str, ...]:
    """Return the names of all secrets without which the fleet cannot be described."""
    return (*SECRETS, *backups.secrets_of(fleet))


def resources_of(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return all resources of a host, in the order in which they are put in place.

    `machines` has the facts of every host that could be read, by name, and of
    this one for certain: what depends on others must not guess about the rest.
    `secrets` are plain; they go into secret files and into nothing else.
    """
    return (
        *base.resources(fleet, host, machines[host.name], secrets),
        *_OF_ROLE[host.role](fleet, host, machines, secrets),
    )
