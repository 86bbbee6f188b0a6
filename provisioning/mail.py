"""How mail leaves a fleet: this is where its server becomes settings of the product.

The port says how it is spoken to, as mail servers have it: 465 TLS from the
first byte, 587 STARTTLS, any other plain, which suits a relay of one's own. A
login, if the server wants one, is `mail_user` and `mail_password` in the vault.
"""

from collections.abc import Mapping

from provisioning.fleet import Fleet
from provisioning.resources import File

_LOGIN = {"mail_user": "EMAIL_HOST_USER", "mail_password": "EMAIL_HOST_PASSWORD"}


def mail_settings(fleet: Fleet, secrets: Mapping[str, str]) -> dict[str, str]:
    """Return the settings; none when the fleet has no mail server."""
    if not fleet.mail_server:
        return {}
    host, _, port = fleet.mail_server.rpartition(":")
    settings = {
        "EMAIL_HOST": host,
        "EMAIL_PORT": port,
        "EMAIL_USE_SSL": str(int(port == "465")),
        "EMAIL_USE_TLS": str(int(port == "587")),
    }
    if fleet.mail_from:
        settings["DEFAULT_FROM_EMAIL"] = f"Stillhere <{fleet.mail_from}>"
    named = {name: variable for name, variable in _LOGIN.items() if name in secrets}
    return settings | {f"{variable}_FILE": _path(name) for name, variable in named.items()}


def mail_files(secrets: Mapping[str, str]) -> tuple[File, ...]:
    """Return the files of the login, if there is one."""
    return tuple(
        File(_path(name), secrets[name] + "\n", mode=0o640, group="stillhere", secret=True)
        for name in _LOGIN
        if name in secrets
    )


def _path(name: str) -> str:
    return f"/etc/stillhere/{name}"
