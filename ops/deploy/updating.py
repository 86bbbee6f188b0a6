"""Packages of Debian's are upgraded, and what runs from replaced files is restarted: here."""

from dataclasses import dataclass
from typing import Any

from ops.deploy.desk import Desk
from ops.deploy.standing import Standing
from ops.deploy.upkeep import look
from provisioning.fleet import Host

UPGRADE_SECONDS = 4_200
RESTART_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Software:
    """What a host says of its software. `reboot` says why to boot it anew, "" for no reason."""

    host: Host
    upgradable: tuple[str, ...]
    stale: tuple[str, ...]
    reboot: str

    @property
    def has_work(self) -> bool:
        """Tell whether an update would do anything."""
        return bool(self.upgradable or self.stale)

    def lines(self) -> list[str]:
        """Return what an update would do, a line a package."""
        words = [f"upgrade {one}" for one in self.upgradable]
        words += [f"restart {one}, which runs from replaced files" for one in self.stale]
        words += [f"reboot needed: {self.reboot}"] if self.reboot else []
        return [f"  {self.host.name}  {each}" for each in words or ["nothing to upgrade"]]


def software_of(desk: Desk, host: Host, *, refresh: bool = False) -> Software:
    """Ask a host. HostError when it, or an archive of packages, does not answer."""
    return _software(host, look(desk, host, refresh=refresh))


def _software(host: Host, said: dict[str, Any]) -> Software:
    return Software(host, tuple(said["upgradable"]), tuple(said["stale"]), said["reboot"])


def update(desk: Desk, one: Standing) -> None:
    """Upgrade the host's packages, and restart what does not run from the new files."""
    host, telling = one.host, desk.telling
    before = software_of(desk, host)
    if before.upgradable:
        with telling.step("upgrade", host.name) as step:
            audit = desk.did(host, f"upgrade {', '.join(before.upgradable)}")
            desk.of(host).ask("upgrade", answer_seconds=UPGRADE_SECONDS, audit=audit)
            step.words = f"{len(before.upgradable)} packages"
        for words in before.upgradable:
            telling.say(f"  {host.name}    {words}")
    desk.stopping.check()
    stale = software_of(desk, host).stale
    if one.mark and one.running != {one.on.current}:
        stale = tuple(dict.fromkeys((*stale, *one.units)))  # cut off while they were down
    if stale:
        with telling.step("restart", host.name) as step:
            _restart(desk, one, stale)
            step.words = ", ".join(stale)


def _restart(desk: Desk, one: Standing, stale: tuple[str, ...]) -> None:
    session, audit = desk.of(one.host), desk.did(one.host, f"restart {', '.join(stale)}")
    if others := [name for name in stale if not _is_ours(one, name)]:
        session.ask("restart_units", answer_seconds=RESTART_SECONDS, units=others, audit=audit)
    if len(others) < len(stale):
        session.ask("restart_services", answer_seconds=RESTART_SECONDS, audit=audit)


def _is_ours(one: Standing, unit: str) -> bool:
    """Tell whether the unit is one of those that run a release, and are restarted together."""
    return one.serves and unit in one.units
