"""What a host should be like: its role's resources on top of what every host has."""

from collections.abc import Mapping

from provisioning.fleet import Fleet, Host, Machine
from provisioning.resources import Resource
from provisioning.roles import base


def resources_of(
    fleet: Fleet, host: Host, machines: Mapping[str, Machine], secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return all resources of a host, in the order in which they are put in place.

    `machines` has the facts of every host that could be read, by name, and of
    this one for certain: what depends on others must not guess about the rest.
    `secrets` are plain; they go into secret files and into nothing else.
    """
    return base.resources(fleet, host, machines[host.name], secrets)


SECRETS = ("canary",)
