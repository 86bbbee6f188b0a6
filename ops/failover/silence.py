"""Is a host that does not answer us really off? This is where all others try it."""

from ops.agent.probing import PROHIBITED, SILENT
from ops.deploy.desk import Desk, at_once
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
    others = [one for one in desk.hosts(Role.APP_SERVER, Role.DATABASE) if one != target]

    def one(host: Host) -> tuple[str, list[str]]:
        """Return who has tried, "" when it could not, and what it has heard."""
        try:
            answers = desk.of(host).ask(
                "probe",
                answer_seconds=ASK_SECONDS,
                doors=doors,
                seconds=PROBE_SECONDS,
                attempts=ATTEMPTS,
            )["answers"]
        except HostError as error:
            return "", [f"{host.name} could not try it ({error})"]
        return host.name, [
            f"{host.name} gets '{answer}' from its port {port}"
            for (_, port), answer in zip(doors, answers, strict=True)
            if answer not in (SILENT, PROHIBITED)
        ]

    said = at_once(one, others)
    heard = [words for _, some in said for words in some]
    if can_connect(desk.fleet, target):
        heard.append("it answers on SSH")
    return Silence(tuple(name for name, _ in said if name), tuple(heard))
