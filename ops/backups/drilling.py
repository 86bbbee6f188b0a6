"""A backup is restored on the observer, to see that it comes back: here."""

from collections.abc import Mapping
from typing import Any

from ops.backups.running import Ended, Job, tried
from ops.deploy.desk import Desk
from ops.errors import ChangeFailed
from provisioning.backups import KEEPER
from provisioning.fleet import Host

UNIT = "stillhere-backup-verify.service"


def verify(desk: Desk, observer: Host, backup: str, *, is_base: bool = False) -> Ended:
    """Have the observer restore one, "" for the newest of its kind; return what it says of it.

    One that is named may be old. ChangeFailed when it could not be tried to the end.
    """
    named = ["--backup", backup, "--any-age"] if backup else []
    words = ("verify", "--json", *(["--base"] if is_base else []), *named)
    with desk.telling.step("verify", observer.name) as step:
        ended = tried(desk, observer, Job(words, KEEPER, may_join=not backup))
        if not ended.answer:
            raise ChangeFailed(f"{observer.name}: backups verify:\n{ended.words}")
        verdict = "came back" if not ended.status else "DOES NOT COME BACK"
        step.words = f"{ended.answer['backup']} {verdict}"
    return ended


def parts(said: Mapping[str, Any]) -> list[str]:
    """Return a line for each part of what was done, and how long it took. Pure."""
    seconds = said.get("seconds_by_part", said.get("seconds"))
    if not isinstance(seconds, Mapping):
        return []
    return [f"  {name:<16} {float(value):8.1f} s" for name, value in seconds.items()]


def drill(desk: Desk, observer: Host) -> None:
    """Run the very unit that the timer starts; its check hears of it. ChangeFailed if it is red."""
    with desk.telling.step("drill", observer.name) as step:
        desk.of(observer).ask(
            "start_backup_unit", unit=UNIT, audit=desk.did(observer, "drill the newest backup")
        )
        while True:
            said = desk.of(observer).ask("follow_backup_unit", unit=UNIT)
            if said["words"]:
                desk.telling.progress(f"  {observer.name}  {said['words'].splitlines()[-1]}")
            if not said["is_running"]:
                break
            desk.stopping.pause()
        if said["result"] != "success":
            raise ChangeFailed(f"{observer.name}: {UNIT}: {said['result']}.\n{said['words']}")
        step.words = "green"
