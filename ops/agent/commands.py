"""Running commands on the host, and where we keep what has to outlive a session."""

import os
import subprocess

HOME = "/var/lib/stillhere"
MARKER = HOME + "/applied.json"
STAMPS = HOME + "/units"
LOCK = "/run/stillhere-operator"
DEBIAN = {"DEBIAN_FRONTEND": "noninteractive", "PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}


class Failed(Exception):
    """A change did not succeed; the text is for the operator."""


def run(
    command: list[str],
    timeout: int = 300,
    stdin: str = "",
    env: dict[str, str] | None = None,
) -> str:
    """Return the output of a command; Failed with its last words when it fails."""
    said = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        errors="replace",  # what others have written on the host may be anything
        timeout=timeout,
        env=env,
    )
    if said.returncode:
        words = (said.stderr.strip() or said.stdout.strip())[-2_000:]
        raise Failed(f"{' '.join(command)[:200]}: exit {said.returncode}. {words}")
    return said.stdout


def stamp_unit(name: str, read: str) -> None:
    """Keep the digest of what the unit has read."""
    os.makedirs(STAMPS, exist_ok=True)
    with open(f"{STAMPS}/{name}", "w") as file:
        file.write(read)
