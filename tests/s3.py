"""A real S3 for tests: SeaweedFS, one server a test process, a bucket a test.

server = running_server()           starts it at the first call; it ends with the process
bucket = server.new_bucket()        versioned and with Object Lock, as in production
bucket.settings(writer)             StoreSettings of that identity, with a file of credentials
server.stop(); server.start()       as a crash and a restart; the objects are still there

The identities may what docs/backups says they may: the writer can neither read, list nor
delete; the keeper cannot write backups.
"""

import atexit
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from backups.settings import StoreSettings
from backups.store import Store
from tests.ports import free_port

PATIENCE_SECONDS = 200  # a busy machine takes its time
OPERATOR, WRITER, KEEPER = "operator", "writer", "keeper"
_PORTS = (
    "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
    "filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc",
)  # fmt: skip
# The policies that docs/backups has for Amazon, which SeaweedFS understands; it knows nothing
# of the condition that makes every write a new object.
_POLICIES = Path(__file__).parents[1] / "docs" / "backups"
_BUCKETS = "test-" + 12 * "?"  # a star would go over slashes


def program() -> Path:
    """Return SeaweedFS's one program, installed by its wheel."""
    return Path(sys.executable).with_name("weed")


@dataclass(slots=True)
class Server:
    """SeaweedFS in a directory of its own, all its parts in one process."""

    directory: Path
    secrets: dict[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def endpoint(self) -> str:
        """Return where S3 answers."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        """Return the port of S3, on 127.0.0.1."""
        return self.ports["s3.port"]

    def start(self) -> None:
        """Start it, and return when S3 takes requests."""
        (self.directory / "data").mkdir(exist_ok=True)
        if not self.ports:
            self.secrets = {name: secrets.token_hex(16) for name in (OPERATOR, WRITER, KEEPER)}
            self.ports = {name: free_port() for name in _PORTS}
        (self.directory / "s3.json").write_text(json.dumps(_identities(self.secrets)))
        # One volume a bucket, not seven: making them is most of its first object's time.
        (self.directory / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(program()), "server", *self._options()],
                stdout=log,
                stderr=log,
                cwd=self.directory,
                env=os.environ | {"TMPDIR": str(self.directory)},
            )
        self._wait_until_ready()

    def stop(self) -> None:
        """End it at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(PATIENCE_SECONDS)
            self.process = None

    def close(self) -> None:
        """End it and delete all that it had."""
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)
        for port in self.ports.values():
            for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
                socket.unlink(missing_ok=True)

    def new_bucket(self, *, has_object_lock: bool = True) -> "Bucket":
        """Make a bucket, as the operator."""
        bucket = Bucket(self, f"test-{secrets.token_hex(6)}")
        client = bucket.store(OPERATOR).client
        client.create_bucket(Bucket=bucket.name, ObjectLockEnabledForBucket=has_object_lock)
        return bucket

    def _options(self) -> Iterable[str]:
        yield from ("-dir=data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3")
        yield from (f"-{name}={port}" for name, port in self.ports.items())
        yield from ("-s3.config=s3.json", "-s3.iam=false", "-s3.port.iceberg=0")
        yield from ("-s3.port.lance=0", "-filer.localSocket=filer.sock", "-s3.localSocket=s3.sock")
        yield from ("-master.telemetry=false", "-master.electionTimeout=1s")
        yield from ("-master.raftHashicorp", "-master.raftBootstrap")
        # Volumes are as many as the disk has room for, each small.
        yield from ("-volume.max=0", "-master.volumeSizeLimitMB=256", "-volume.preStopSeconds=0")

    def _wait_until_ready(self) -> None:
        """Wait until an object can be stored: before that, parts of it wait for each other."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                break
            with contextlib.suppress(Exception):
                self._store_something()
                return
            time.sleep(0.1)
        raise AssertionError(f"SeaweedFS did not start:\n{(self.directory / 'log').read_text()}")

    def _store_something(self) -> None:
        """Raise unless an object can be stored. Asked too early, the master answers late."""
        master = f"http://127.0.0.1:{self.ports['master.port']}/dir/status"
        with urllib.request.urlopen(master, timeout=5) as answer:
            assert json.load(answer)["Topology"]["DataCenters"]
        client = Bucket(self, "ready").store(OPERATOR).client
        with contextlib.suppress(client.exceptions.ClientError):
            client.create_bucket(Bucket="ready")
        client.put_object(Bucket="ready", Key="ready", Body=b"ready")


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket of a server."""

    server: Server
    name: str

    def settings(self, identity: str, **others: Any) -> StoreSettings:
        """Return the settings with which that identity gets at it."""
        path = self.server.directory / f"{identity}.toml"
        path.touch(mode=0o600)
        secret = self.server.secrets[identity]
        path.write_text(f'access_key_id = "{identity}"\nsecret_access_key = "{secret}"\n')
        return StoreSettings(self.server.endpoint, self.name, path, **others)

    def store(self, identity: str, **others: Any) -> Store:
        """Return the bucket as that identity sees it."""
        return Store(self.settings(identity, **others))

    def lock(self, days: int, mode: str = "GOVERNANCE") -> None:
        """Let everything that is stored from now on be kept for so long."""
        rule = {"DefaultRetention": {"Mode": mode, "Days": days}}
        self.store(OPERATOR).client.put_object_lock_configuration(
            Bucket=self.name,
            ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule},
        )


@cache
def running_server() -> Server:
    """Return this process' server; the first call starts it."""
    server = Server(Path(tempfile.mkdtemp(prefix="stillhere-s3-")))
    atexit.register(server.close)
    server.start()
    return server


def _identities(known: dict[str, str]) -> dict[str, Any]:
    """Return SeaweedFS's file of identities, with policies in Amazon's words."""
    return {
        "identities": [
            {"name": name, "credentials": [{"accessKey": name, "secretKey": secret}]}
            | ({"actions": ["Admin"]} if name == OPERATOR else {"policyNames": [name]})
            for name, secret in known.items()
        ],
        "policies": [
            {"name": name, "content": policy(f"aws-{name}", _BUCKETS)} for name in (WRITER, KEEPER)
        ],
    }


def policy(name: str, bucket: str, prefix: str = "") -> str:
    """Return one of the policies of docs/backups, for that bucket."""
    text = (_POLICIES / f"{name}.json").read_text("utf-8")
    return text.replace("BUCKET", bucket).replace("PREFIX", prefix)
