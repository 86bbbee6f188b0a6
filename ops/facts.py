"""What is there: this is where hosts are asked, in one round trip each."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from provisioning.fleet import Cluster, Machine
from provisioning.resources import Command, File, Resource


@dataclass(frozen=True, slots=True)
class Observed:
    """Facts by the key of the resource that they are about."""

    machine: Machine
    found: dict[str, dict[str, Any]]


def question(resources: Iterable[Resource]) -> list[dict[str, Any]]:
    """Return what the agent is asked to look at. No content, no secret is in it."""
    return [_spec(resource) for resource in resources]


def observed(answer: dict[str, Any]) -> Observed:
    """Return the agent's answer as facts."""
    about = answer["machine"]
    return Observed(
        Machine(**about | {"clusters": tuple(Cluster(**each) for each in about["clusters"])}),
        answer["found"],
    )


def _spec(resource: Resource) -> dict[str, Any]:
    kind = type(resource).__name__.lower()
    spec: dict[str, Any] = {"kind": kind, "key": resource.key}
    if isinstance(resource, File):
        return spec | {"path": resource.path, "secret": resource.secret}
    if isinstance(resource, Command):
        return spec | {"check": list(resource.check)}
    about = asdict(resource)
    return spec | {name: about[name] for name in ("path", "name", "waits_for") if name in about}
