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
        # A script says in its first line what it is.
        named = " ".join(command).partition("\n")[0][:200]
        raise Failed(f"{named}: exit {said.returncode}. {words}")
    return said.stdout


def stamp_units(read: dict[str, str]) -> None:
    """Keep digests of what a unit has read, by the names of their stamps."""
    os.makedirs(STAMPS, exist_ok=True)
    for name, digest in read.items():
        with open(f"{STAMPS}/{name}", "w") as file:
            file.write(digest)
