"""What a host should be like: its role's resources on top of what every host has."""

from collections.abc import Mapping

from provisioning.fleet import Fleet, Host, Machine
from provisioning.resources import Resource
from provisioning.roles import base


def resources_of(
    fleet: Fleet, host: Host, machine: Machine, secrets: Mapping[str, str]
) -> tuple[Resource, ...]:
    """Return all resources of a host, in the order in which they are put in place.

    `secrets` are plain; they go into secret files and into nothing else.
    """
    return base.resources(fleet, host, machine, secrets)


SECRETS = ("canary",)
