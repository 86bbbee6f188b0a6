"""A host is booted anew: this is where it is waited for until it really is another boot."""

import contextlib
import time

from ops.deploy.desk import Desk
from ops.deploy.standing import Standing
from ops.deploy.upkeep import look
from ops.errors import ChangeFailed, HostError, Locked, OpsError, Unreachable, WrongHostKey
from provisioning.fleet import Host

ASK_SECONDS = 60
SETTLE_SECONDS = 150
BOOT_SECONDS = 600  # a server with much memory looks through all of it first
PAUSE_SECONDS = 1.0


def reboot(desk: Desk, one: Standing) -> None:
    """Boot the host anew and wait for it. HostError when it does not come back, or as another."""
    host, telling = one.host, desk.telling
    old = str(look(desk, host)["boot_id"])
    with telling.step("reboot", host.name) as step:
        # It may be gone before its answer is here; its boot tells.
        with contextlib.suppress(Unreachable):
            desk.of(host).ask("reboot", answer_seconds=ASK_SECONDS, audit=desk.did(host, "reboot"))
        step.words = f"another boot, {_another_boot(desk, host, old)[:8]}"
    with telling.step("settle", host.name):
        desk.of(host).ask("settle", answer_seconds=SETTLE_SECONDS)


def _another_boot(desk: Desk, host: Host, old: str, seconds: float = BOOT_SECONDS) -> str:
    """Return the new boot's id. Not ended by Ctrl-C: a host that is away cannot be put back."""
    deadline = time.monotonic() + seconds
    while True:
        last: OpsError = ChangeFailed(f"{host.name}: it is still the old boot.")
        try:
            said = desk.sessions.reopened(host).ask("boot", answer_seconds=ASK_SECONDS)
            if said["boot_id"] != old:
                return str(said["boot_id"])
        except WrongHostKey:
            raise
        except (HostError, Locked) as error:  # Locked: by our own last session, which is ending
            last = error
        if time.monotonic() > deadline:
            raise ChangeFailed(f"{host.name}: not back {seconds:.0f} s after its reboot: {last}")
        desk.telling.progress(f"  {host.name}  reboot ... {last}")
        time.sleep(PAUSE_SECONDS)
