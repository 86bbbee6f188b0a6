"""Taking back what would lock us out, unless somebody comes in by a new connection."""

import contextlib
import os

from ops.agent.commands import HOME, Failed, run, stamp_units

BEFORE = HOME + "/before"
SCRIPT = HOME + "/revert"
REVERT = "stillhere-revert"
REVERT_UNIT = "/etc/systemd/system/" + REVERT


def kept_path(path: str) -> str:
    """Return where the state before a guarded change is kept."""
    return f"{BEFORE}/{path.strip('/').replace('/', '%')}"


def keep_before(path: str) -> None:
    """Keep a file as it was, once, until the change is confirmed."""
    os.makedirs(BEFORE, mode=0o700, exist_ok=True)
    if os.path.exists(kept_path(path)) or os.path.exists(kept_path(path) + ".none"):
        return
    if os.path.exists(path):
        run(["cp", "--archive", path, kept_path(path)])
    else:
        with open(kept_path(path) + ".none", "w"):
            pass


def arm(name: str, seconds: int, restores: list[str]) -> None:
    """Take the change back after some seconds, also across a reboot, unless it is confirmed."""
    # Whoever moves the script away, this one or `confirm`, has decided how it ends.
    lines = [f"mv {SCRIPT} {SCRIPT}.taken || exit 0  # what {name} was before"]
    for path in restores:
        kept = kept_path(path)
        lines.append(f"if [ -e '{kept}' ]; then mv '{kept}' '{path}'; fi")
        lines.append(f"if [ -e '{kept}.none' ]; then rm -f '{path}' '{kept}.none'; fi")
    lines.append(f"systemctl reload-or-restart {name}")
    lines.append("logger -t stillhere-ops -p auth.warning 'nobody confirmed: taken back'")
    lines.append(f"systemctl disable --quiet --now {REVERT}.timer")
    lines.append(f"rm -f {REVERT_UNIT}.timer {REVERT_UNIT}.service {SCRIPT}.taken")
    lines.append("systemctl daemon-reload")
    os.makedirs(HOME, exist_ok=True)
    with open(SCRIPT, "w") as file:
        file.write("\n".join(lines) + "\n")
    with open(f"{REVERT_UNIT}.service", "w") as file:
        file.write(f"[Service]\nType=oneshot\nExecStart=/bin/sh {SCRIPT}\n")
    with open(f"{REVERT_UNIT}.timer", "w") as file:
        file.write(
            # From its own start: now, and again after a reboot.
            f"[Timer]\nOnActiveSec={seconds}\nAccuracySec=1\n[Install]\nWantedBy=timers.target\n"
        )
    run(["systemctl", "daemon-reload"], timeout=60)
    run(["systemctl", "enable", "--quiet", f"{REVERT}.timer"], timeout=60)
    # Not `start`: one that has elapsed is active, and would never fire again.
    run(["systemctl", "restart", f"{REVERT}.timer"], timeout=60)


def confirm(name: str, read: dict[str, str], restores: list[str]) -> dict[str, str]:
    """Keep a guarded change: somebody came in by a new connection."""
    try:
        os.rename(SCRIPT, f"{SCRIPT}.taken")
    except FileNotFoundError:
        raise Failed(f"The change of {name} was taken back before it was confirmed.") from None
    run(["systemctl", "disable", "--quiet", "--now", f"{REVERT}.timer"], timeout=60)
    for path in (f"{REVERT_UNIT}.timer", f"{REVERT_UNIT}.service", f"{SCRIPT}.taken"):
        os.unlink(path)
    run(["systemctl", "daemon-reload"], timeout=60)
    for path in restores:
        for kept in (kept_path(path), kept_path(path) + ".none"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(kept)
    stamp_units(read)
    return {}
