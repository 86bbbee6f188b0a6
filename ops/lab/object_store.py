"""The S3 of the lab's world: SeaweedFS with one bucket, and what each of three may do.

operator   everything
writer     stores, under a lock, and gives up what it has begun; reads, lists and deletes nothing
keeper     lists, reads, tags, deletes; stores nothing but below verified/

SeaweedFS takes policies in the words of Amazon's, so that what is refused here is refused there.
"""

import json
import secrets
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ops.lab.plan import Lab

PORT = 8_333
REGION = "lab"
BUCKET = "stillhere-lab"
PREFIX = "fleet/"
LOCK_DAYS = 1
OPERATOR, WRITER, KEEPER = "operator", "writer", "keeper"
PROGRAM = "usr/local/bin/weed"

_OF_WRITER = ("PutObject", "PutObjectRetention", "AbortMultipartUpload")
_OF_KEEPER = (
    "GetObject", "GetObjectVersion", "GetObjectTagging", "PutObjectTagging",
    "DeleteObject", "DeleteObjectVersion", "AbortMultipartUpload",
)  # fmt: skip
_OF_KEEPER_IN_THE_BUCKET = ("ListBucket", "ListBucketVersions", "ListBucketMultipartUploads")
# A volume a bucket, not seven: to make them is most of the first object's time.
_VOLUMES = "[master.volume_growth]\ncopy_1 = 1\n"
_OPTIONS = (
    "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3", f"-s3.port={PORT}", "-s3.ip.bind=::",
    "-s3.iam=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
    "-master.telemetry=false", "-master.raftHashicorp", "-master.raftBootstrap",
    "-master.volumeSizeLimitMB=256", "-volume.max=0", "-volume.preStopSeconds=0",
)  # fmt: skip


def program() -> Path:
    """Return SeaweedFS, one program without libraries, as its wheel has installed it here."""
    return Path(sys.executable).with_name("weed")


def write_credentials(lab: Lab) -> None:
    """Make up each one's, in the shape in which backups/ reads them, unless they are there."""
    folder = lab.home / "s3"
    folder.mkdir(exist_ok=True, mode=0o700)
    for name in (OPERATOR, WRITER, KEEPER):
        path = folder / f"{name}.toml"
        if not path.exists():
            path.touch(0o600)
            path.write_text(
                f'access_key_id = "lab-{name}-{secrets.token_hex(8)}"\n'
                f'secret_access_key = "{secrets.token_hex(24)}"\n'
            )


def credentials(lab: Lab, name: str) -> tuple[str, str]:
    """Return who somebody is to S3: the id of the key, and its secret."""
    lines = (lab.home / "s3" / f"{name}.toml").read_text("utf-8").splitlines()
    identity, secret = (line.split('"')[1] for line in lines)
    return identity, secret


def files(lab: Lab, folder: str, host: str) -> dict[str, str]:
    """Return what lies in a folder of the world for it. `host`: the name in its certificate."""
    identity, secret = credentials(lab, OPERATOR)
    return {
        f"{folder}/s3.json": json.dumps(_identities(lab), indent=1) + "\n",
        f"{folder}/master.toml": _VOLUMES,
        f"{folder}/s3.curl": f'user = "{identity}:{secret}"\naws-sigv4 = "aws:amz:{REGION}:s3"\n',
        f"{folder}/s3-bucket": _bucket_script(folder, f"https://{host}:{PORT}/{BUCKET}"),
    }


def unit(folder: str, data: str, pair: tuple[str, str]) -> str:
    """Return its unit, which is up when an object can be stored. `pair`: certificate and key."""
    tls = (f"-s3.cert.file={pair[0]}", f"-s3.key.file={pair[1]}")
    options = " ".join((f"-dir={data}", f"-s3.config={folder}/s3.json", *_OPTIONS, *tls))
    return f"""[Service]
Type=exec
WorkingDirectory={folder}
ExecStartPre=/usr/bin/mkdir -p {data}
ExecStart=/{PROGRAM} -logtostderr=true server {options}
ExecStartPost=/bin/sh {folder}/s3-bucket
TimeoutStartSec=110
TimeoutStopSec=3
Restart=always
"""


def _bucket_script(folder: str, url: str) -> str:
    lock = "x-amz-bucket-object-lock-enabled: true"
    return f"""#!/bin/sh
put() {{
    curl --silent --max-time 3 --config {folder}/s3.curl --cacert {folder}/authority.pem \\
        --request PUT --output /dev/null --write-out '%{{http_code}}' "$@"
}}
# 409: it is there already.
until put --header '{lock}' {url} | grep -qE '200|409'; do sleep 0.1; done
# Parts of SeaweedFS still wait for each other. A file: what curl 7.88 signs of data, nobody takes.
until put --upload-file {folder}/master.toml {url}/ready | grep -q 200; do sleep 0.1; done
"""


def _identities(lab: Lab) -> dict[str, Any]:
    bucket = f"arn:aws:s3:::{BUCKET}"
    keys = f"{bucket}/{PREFIX}"
    policies: dict[str, list[tuple[tuple[str, ...], str]]] = {
        WRITER: [(_OF_WRITER, f"{keys}*")],
        KEEPER: [
            (_OF_KEEPER_IN_THE_BUCKET, bucket),
            (_OF_KEEPER, f"{keys}*"),
            (("PutObject",), f"{keys}verified/*"),
        ],
    }
    return {
        "identities": [_identity(lab, name) for name in (OPERATOR, WRITER, KEEPER)],
        "policies": [
            {"name": name, "content": json.dumps(_policy(allowed))}
            for name, allowed in policies.items()
        ],
    }


def _identity(lab: Lab, name: str) -> dict[str, Any]:
    identity, secret = credentials(lab, name)
    may = {"actions": ["Admin"]} if name == OPERATOR else {"policyNames": [name]}
    return {"name": name, "credentials": [{"accessKey": identity, "secretKey": secret}], **may}


def _policy(allowed: Iterable[tuple[Iterable[str], str]]) -> dict[str, Any]:
    statements = [
        {"Effect": "Allow", "Action": [f"s3:{one}" for one in actions], "Resource": [what]}
        for actions, what in allowed
    ]
    return {"Version": "2012-10-17", "Statement": statements}
