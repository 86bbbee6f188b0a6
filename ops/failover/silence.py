"""Is a host that does not answer us really off? This is where all others try it."""

from ops.agent.probing import PROHIBITED, SILENT
from ops.deploy.desk import Desk
from ops.errors import HostError
from ops.failover.safety import Silence
from ops.remote import can_connect
from provisioning.fleet import Host, Role
from provisioning.flows import SERVICES

PROBE_SECONDS, ATTEMPTS = 2.0, 2
ASK_SECONDS = 60


def listen(desk: Desk, target: Host) -> Silence:
    """Return who has tried the host, and who has heard of it; a refused port is a sign of life."""
    ports = [one.port for one in SERVICES if target.role in one.roles]
    doors = [(address, port) for address in (target.address, target.address6) for port in ports]
    asked, heard = list[str](), list[str]()
    if can_connect(desk.fleet, target):
        heard.append("it answers on SSH")
    for host in desk.hosts(Role.APP_SERVER, Role.DATABASE):
        if host == target:
            continue
        try:
            answers = desk.of(host).ask(
                "probe",
                answer_seconds=ASK_SECONDS,
                doors=doors,
                seconds=PROBE_SECONDS,
                attempts=ATTEMPTS,
            )["answers"]
        except HostError as error:
            heard.append(f"{host.name} could not try it ({error})")
            continue
        asked.append(host.name)
        heard += [
            f"{host.name} gets '{answer}' from its port {port}"
            for (_, port), answer in zip(doors, answers, strict=True)
            if answer not in (SILENT, PROHIBITED)
        ]
    return Silence(tuple(asked), tuple(heard))
