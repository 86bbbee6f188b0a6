"""Put a copy of a backup into the bucket that is not what it seems; runs on the observer.

    {"how": "bitflip", "id": the good one, "new_id": its copy's, "region": ..., "endpoint": ...,
     "bucket": ..., "prefix": ..., "authority": a file, "access_key_id": ...,
     "secret_access_key": ..., "recipients": [file, ...]}              on stdin
    {"how": "remove", "id": a copy's, ...}                             takes it away again

Size and hash in the copy's manifest are those of the copy: nobody is warned by them, and the
restore itself has to notice. Runs with a release's packages, as the operator in the bucket.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import boto3

_DAYS = timedelta(days=3)
_LATER = timedelta(hours=1)

Manifest = dict[str, Any]


def copied(content: bytes, _manifest: Manifest, _asked: Manifest) -> bytes:
    """Change nothing: this one is to be taken for good, or the others prove nothing."""
    return content


def truncated(content: bytes, _manifest: Manifest, _asked: Manifest) -> bytes:
    """Return the first half."""
    return content[: len(content) // 2]


def bitflip(content: bytes, _manifest: Manifest, _asked: Manifest) -> bytes:
    """Turn one bit over, in the middle."""
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def empty(_content: bytes, manifest: Manifest, asked: Manifest) -> bytes:
    """Return nothing at all, encrypted as every backup is."""
    manifest["plain"] = {"bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()}
    given = [part for one in asked["recipients"] for part in ("--recipient-file", one)]
    with tempfile.TemporaryDirectory() as home:
        gpg = ["gpg", "--homedir", home, "--batch", "--quiet", "--trust-model", "always"]
        return subprocess.run(
            [*gpg, *given, "--encrypt"], input=b"", capture_output=True, check=True, timeout=60
        ).stdout


def old(content: bytes, manifest: Manifest, _asked: Manifest) -> bytes:
    """Let it have been taken days ago."""
    for name in ("started_at", "finished_at", "newest_ping_at"):
        manifest[name] = _moved(manifest[name], -_DAYS)
    return content


def stale(content: bytes, manifest: Manifest, _asked: Manifest) -> bytes:
    """Let the manifest be newer than the dump: it tells of a ping that is not in it."""
    manifest["newest_ping_at"] = _moved(manifest["newest_ping_at"], _LATER)
    return content


_WAYS: dict[str, Callable[[bytes, Manifest, Manifest], bytes]] = {
    way.__name__: way for way in (copied, truncated, bitflip, empty, old, stale)
}


def _moved(time: str | None, by: timedelta) -> str | None:
    return time and (datetime.fromisoformat(time) + by).isoformat()


def put(bucket: Any, asked: Manifest) -> None:
    """Store the copy: object first, manifest last."""
    folder = f"{asked['prefix']}dumps"
    manifest = json.loads(_read(bucket, f"{folder}/{asked['id']}/manifest.json"))
    content = _read(bucket, f"{folder}/{asked['id']}/dump.gpg")
    key = f"dumps/{asked['new_id']}/dump.gpg"
    content = _WAYS[asked["how"]](content, manifest, asked)
    digest = hashlib.sha256(content).hexdigest()
    manifest["id"] = asked["new_id"]
    manifest["object"] = {"key": key, "bytes": len(content), "sha256": digest}
    bucket.put_object(Key=f"{asked['prefix']}{key}", Body=content)
    text = json.dumps(manifest).encode()
    bucket.put_object(Key=f"{folder}/{asked['new_id']}/manifest.json", Body=text)


def remove(bucket: Any, asked: Manifest) -> None:
    """Delete every version of a copy, and the record of its drill."""
    for key in (f"dumps/{asked['id']}/", f"verified/dumps/{asked['id']}.json"):
        bucket.object_versions.filter(Prefix=f"{asked['prefix']}{key}").delete()


def _read(bucket: Any, key: str) -> bytes:
    content: bytes = bucket.Object(key).get()["Body"].read()
    return content


def main() -> None:
    """Do the one thing that is asked for."""
    asked = json.load(sys.stdin)
    store = boto3.resource(
        "s3",
        endpoint_url=asked["endpoint"],
        region_name=asked["region"],
        aws_access_key_id=asked["access_key_id"],
        aws_secret_access_key=asked["secret_access_key"],
        verify=asked["authority"],
    )
    act = remove if asked["how"] == "remove" else put
    act(store.Bucket(asked["bucket"]), asked)


if __name__ == "__main__":
    main()
