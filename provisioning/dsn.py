"""How an application finds its database: this is where the address and the password file are made.

It names every database host and wants the one that takes writes: who that is,
only PostgreSQL knows.
"""

from urllib.parse import urlencode

from provisioning.fleet import Fleet, Role
from provisioning.flows import POSTGRESQL

DATABASE = ROLE = "stillhere"
PASSWORD_FILE = "/etc/stillhere/pgpass"  # noqa: S105 (a path)
_OPTIONS = {
    "target_session_attrs": "read-write",
    # The next host is tried after 2 s, and one that says nothing any more is given up after 3.
    "connect_timeout": "2",
    "keepalives_idle": "5",
    "tcp_user_timeout": "3000",
    # Encrypted, and not verified: the hosts' certificates are self-made (decision 14).
    "sslmode": "require",
    "passfile": PASSWORD_FILE,
}


def database_url(fleet: Fleet) -> str:
    """Return the application's DATABASE_URL; the password is in PASSWORD_FILE."""
    hosts = ",".join(f"{host.address}:{POSTGRESQL.port}" for host in fleet.of_role(Role.DATABASE))
    options = urlencode(_OPTIONS, safe="/")
    return f"postgresql://{ROLE}@{hosts}/{DATABASE}?{options}"


def password_lines(fleet: Fleet, password: str) -> str:
    """Return libpq's password file for the application's role."""
    escaped = password.replace("\\", "\\\\").replace(":", "\\:")
    return "".join(
        f"{host.address}:{POSTGRESQL.port}:{DATABASE}:{ROLE}:{escaped}\n"
        for host in fleet.of_role(Role.DATABASE)
    )
