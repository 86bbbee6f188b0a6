"""Certificates are renewed by timers: what the observer and the balancers have for it.

Decision 23 has the reasons; `provisioning/programs/renewing` is what runs.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provisioning.errors import Contradiction
from provisioning.fleet import Certificates, Fleet, Host, Role
from provisioning.flows import HTTPS, SSH
from provisioning.library import LIBRARY, program
from provisioning.programs.certifying import KEPT, KINDS, LIVE, pair_path
from provisioning.programs.renewing import SETTINGS
from provisioning.render import render
from provisioning.reporting import stop_post
from provisioning.resources import File, Resource, Unit

PROGRAMS = ("certifying.py", "renewing.py")
KNOWN_HOSTS = "/etc/stillhere/observer_known_hosts"
SERVICE, TIMER = (
    f"/etc/systemd/system/stillhere-certificates.{end}" for end in ("service", "timer")
)
RENEW_DAYS = 30
ORDER_AT = "03:10:00"
FETCH_HOUR, FETCH_MINUTES = 4, 20  # the first balancer at 04:00, the next one 20 minutes later
DNS_PREFIX = "dns_"  # of what the vault has for lego
_HOST_KEYS = {
    "ssh-ed25519": "/etc/ssh/ssh_host_ed25519_key",
    "ssh-rsa": "/etc/ssh/ssh_host_rsa_key",
    "ecdsa-sha2-nistp256": "/etc/ssh/ssh_host_ecdsa_key",
}


def ordering(fleet: Fleet, host: Host, secrets: Mapping[str, str]) -> tuple[Resource, ...]:
    """Return what the observer that keeps the certificates has; nothing on any other."""
    dns = {name: value for name, value in secrets.items() if name.startswith(DNS_PREFIX)}
    if not fleet.certificates or not dns or host != fleet.of_role(Role.OBSERVER)[0]:
        return ()
    settings = {"days": RENEW_DAYS, "order": _order(fleet, fleet.certificates, dns)}
    return _resources(fleet, "order", ORDER_AT, settings, [KEPT])


def fetching(fleet: Fleet, host: Host) -> tuple[Resource, ...]:
    """Return what a balancer has, when somebody keeps certificates for it."""
    observers = fleet.of_role(Role.OBSERVER)
    key = _HOST_KEYS.get(host.host_key.split()[0])
    if not fleet.certificates or not observers or not key:
        return ()
    observer = observers[0]
    minutes = FETCH_MINUTES * fleet.of_role(Role.LOAD_BALANCER).index(host)
    at = f"{FETCH_HOUR + minutes // 60:02}:{minutes % 60:02}:00"
    settings = {
        "observer": observer.address,
        "ssh_port": SSH.port,
        "key": key,
        "known_hosts": KNOWN_HOSTS,
        "addresses": [host.address, host.address6],
        "port": HTTPS.port,
    }
    known = File(KNOWN_HOSTS, f"{observer.address} {observer.host_key}\n")
    places = [LIVE.rpartition("/")[0]]
    return (known, *_resources(fleet, "fetch", at, settings, places))


def keys_of_balancers(fleet: Fleet, host: Host) -> Iterator[str]:
    """Yield the lines that let balancers get the two files of an observer, and nothing else."""
    if not fleet.certificates or host not in fleet.of_role(Role.OBSERVER)[:1]:
        return
    names = " ".join(pair_path(".", kind) for kind in KINDS)
    command = f"tar --directory={KEPT} --create --transform=s,^[.]/,, {names}"
    for balancer in fleet.of_role(Role.LOAD_BALANCER):
        source = f'from="{balancer.address},{balancer.address6}"'
        yield f'restrict,{source},command="{command}" {balancer.host_key} {balancer.name}\n'


def _order(fleet: Fleet, settings: Certificates, dns: Mapping[str, str]) -> dict[str, Any]:
    """Return what lego is told, as `certifying.order_certificate` takes it."""
    return {
        "directory": settings.directory,
        "email": settings.email,
        "provider": settings.dns,
        "environment": {
            name.removeprefix(DNS_PREFIX).upper(): value for name, value in dns.items()
        },
        "authority": _authority(fleet, settings.authority),
    }


def _authority(fleet: Fleet, name: str) -> str:
    try:
        return (fleet.path.parent / name).read_text("utf-8") if name else ""
    except (OSError, UnicodeDecodeError) as error:
        raise Contradiction(f"authority = {name!r} cannot be read beside it: {error}.") from None


def _resources(
    fleet: Fleet, verb: str, at: str, settings: dict[str, Any], places: Sequence[str]
) -> tuple[Resource, ...]:
    settings |= {"names": list(dict.fromkeys((fleet.site, fleet.pings)))}
    whole = json.dumps(settings, indent=1, sort_keys=True) + "\n"
    values = {"verb": verb, "library": LIBRARY, "places": places}
    report = stop_post("certificates")
    return (
        *(program(name) for name in PROGRAMS),
        File(SETTINGS, whole, mode=0o600, secret=True),
        File(SERVICE, render("certificates.service", report=report, **values)),
        File(TIMER, render("certificates.timer", verb=verb, at=at)),
        Unit("stillhere-certificates.timer", reads=(SERVICE, TIMER)),
    )
