"""What can go wrong in a database host while its cables are whole: each for the length of a with.

Replay is paused, the receiver of a standby hangs, a stop hangs, a disk is full, a setting
differs. Everything is mended at the end, also when the host's role has changed meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ops.errors import LabError
from ops.lab.drill.product import Product
from tests.ops.deploy.stage import wait_until

_DATA = "/var/lib/postgresql"
_SMALL = "/run/small-disk"
_IDLE = "idle-in-a-test"
# Room beside what is there; the rest of the disk is then filled.
_SPARE_MB = 64


@contextmanager
def replay_paused(product: Product, host: str) -> Iterator[None]:
    """Let a standby receive, and replay nothing of it."""
    product.psql(host, "SELECT pg_wal_replay_pause()")
    try:
        yield
    finally:
        with suppress(LabError):  # no standby any more
            product.psql(host, "SELECT pg_wal_replay_resume()")


@contextmanager
def receiver_hanging(product: Product, host: str) -> Iterator[None]:
    """Let a standby stay connected, and take nothing more."""
    pid = product.psql(host, "SELECT pid FROM pg_stat_wal_receiver")
    product.run(host, ["kill", "-STOP", pid])
    try:
        yield
    finally:
        with suppress(LabError):
            product.run(host, ["kill", "-CONT", pid])


@contextmanager
def stop_hanging(product: Product, host: str) -> Iterator[None]:
    """Have a connection that does not hear that its server is to stop."""
    script = f"sleep 900 | PGAPPNAME={_IDLE} psql -Xq postgres"
    start = ["systemd-run", "--quiet", f"--unit={_IDLE}", "--uid=postgres", "sh", "-c", script]
    product.run(host, start)
    ask = f"SELECT pid FROM pg_stat_activity WHERE application_name = '{_IDLE}'"  # noqa: S608
    wait_until(lambda: bool(product.psql(host, ask)))
    pid = product.psql(host, ask)
    product.run(host, ["kill", "-STOP", pid])
    try:
        yield
    finally:
        for command in (["kill", "-CONT", pid], ["systemctl", "stop", _IDLE]):
            with suppress(LabError):  # it was killed
                product.run(host, command)


@contextmanager
def disk_full(product: Product, host: str) -> Iterator[None]:
    """Have PostgreSQL on a small disk without room; its data are on the large one afterwards."""
    unit = database_unit(product, host)
    _sh(
        product,
        host,
        f"""
        systemctl stop {unit}
        mkdir -p {_SMALL}
        need=$(du -sm {_DATA} | cut -f1)
        mount -t tmpfs -o mode=755,size=$((need + {_SPARE_MB}))m none {_SMALL}
        cp -a {_DATA}/. {_SMALL}
        mount --bind {_SMALL} {_DATA}
        systemctl start {unit}""",
    )
    try:
        _sh(product, host, f"dd if=/dev/zero of={_SMALL}/filler bs=64k 2>/dev/null || true")
        yield
    finally:
        _sh(product, host, f"""
            rm -f {_SMALL}/filler
            systemctl stop {unit}
            umount {_DATA}
            rsync -a --delete {_SMALL}/ {_DATA}/
            umount {_SMALL}
            systemctl start {unit}""")  # fmt: skip


@contextmanager
def setting(product: Product, host: str, name: str, value: str) -> Iterator[None]:
    """Have a setting of one server differ, which it reads at its start."""
    unit = database_unit(product, host)
    product.psql(host, f"ALTER SYSTEM SET {name} = {value}")
    product.run(host, ["systemctl", "restart", unit])
    try:
        yield
    finally:
        product.psql(host, f"ALTER SYSTEM RESET {name}")
        product.run(host, ["systemctl", "restart", unit])


def database_unit(product: Product, host: str) -> str:
    """Return the unit of the host's cluster."""
    return f"postgresql@{version(product, host)}-main.service"


def version(product: Product, host: str) -> str:
    """Return the major version of the host's PostgreSQL."""
    return product.run(host, ["sh", "-c", "ls /usr/lib/postgresql"]).strip()


def _sh(product: Product, host: str, script: str) -> None:
    product.run(host, ["sh", "-ec", script], timeout_seconds=180)
