"""A parcel is opened by the operator's own private key, which stays where it is: here."""

import os
import subprocess
import sys
from pathlib import Path

from ops.errors import Refused
from provisioning.fleet import Fleet

ROOT = Path(__file__).parents[2]
UNLOCK_SECONDS = 6 * 3600  # a token may want to be touched for each of many files


def unlocked(fleet: Fleet, parcel: str) -> str:
    """Return the parcel with its session keys: a secret. Refused when our key does not open it.

    What it has to say, and what a token wants, goes to the terminal.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "backups", "unlock"],
            input=parcel,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | _gpg(fleet),
            timeout=UNLOCK_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Refused("The backup was not unlocked: nobody has touched the token?") from None
    if done.returncode:
        raise Refused(
            "The backup was not unlocked: the lines above say why. It takes the private key of "
            "one of the [backups] recipients; nothing was changed."
        )
    return done.stdout


def _gpg(fleet: Fleet) -> dict[str, str]:
    """Return where gpg looks: beside a lab's inventory, else where the operator has it."""
    home = fleet.path.with_name("gnupg")
    if home.is_dir():
        return {"GNUPGHOME": str(home)}
    # Else the agent cannot ask for a PIN on this terminal.
    return {"GPG_TTY": os.ttyname(0)} if os.isatty(0) and "GPG_TTY" not in os.environ else {}
