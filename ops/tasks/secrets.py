"""`fab secrets.edit` and `fab secrets.check`: the vault of a fleet."""

import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from fabric import task

from ops.console import Console
from ops.errors import VaultError
from ops.fleets import find_fleet
from ops.secrets import (
    decrypted_vault,
    parse_vault,
    read_vault,
    recipients_of,
    require,
    vault_of,
    write_vault,
)
from ops.tasks.fleet import speaking
from provisioning.roles import secrets_of

_OPTIONS = {"fleet": "Name of a fleet, or path of its inventory."}


@task(help=_OPTIONS, auto_shortflags=False)
def check(_: Any, fleet: str = "") -> None:
    """Say which secrets are there and which are missing; never their values."""
    console = Console()
    with speaking(console):
        described = find_fleet(fleet)
        vault = vault_of(described.path)
        secrets = read_vault(vault)
        require(secrets, secrets_of(described), vault)
        for name in sorted(secrets):
            console.data(name)


@task(help=_OPTIONS, auto_shortflags=False)
def edit(_: Any, fleet: str = "") -> None:
    """Open the vault in $EDITOR; it is encrypted again for the keys it was encrypted for."""
    console = Console()
    with speaking(console):
        vault = vault_of(find_fleet(fleet).path)
        # As it was written: values would need their quotes again, and comments would be lost.
        after = _edited(decrypted_vault(vault).decode("utf-8", "replace"))
        parse_vault(vault, after.encode())
        write_vault(vault, after, recipients_of(vault))
        console.say(f"{vault} is written.")


def _edited(text: str) -> str:
    """Return the text as the editor leaves it. It is in memory only (/dev/shm), and wiped."""
    editor = os.environ.get("EDITOR", "editor")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        path = Path(folder) / "vault.toml"
        path.touch(mode=0o600)
        path.write_text(text, "utf-8")
        if subprocess.run([*editor.split(), str(path)], check=False).returncode:
            raise VaultError(f"{editor} failed; the vault is as it was.")
        return path.read_text("utf-8")
