"""A parcel: all that a restore needs of a backup, but what opens it. This is its shape, as JSON.

    open (keeper) -> parcel without session keys -> unlock (private key) -> restore (database host)

Each machine has one part alone: the keeper may read the bucket and sign addresses, the
operator's has the private key, the database host gets addresses that work for hours
and the session keys of these files. A parcel with session keys is a secret.
"""

import base64
import binascii
import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backups import packets
from backups.manifest import Manifest, parse_manifest


@dataclass(frozen=True, slots=True)
class Sealed:
    """One encrypted object. `sha256` (hex) and `size_bytes` are of what is in the store.

    `url` answers a GET without further credentials; `head` are its leading packets;
    `session_key` is as gpg writes it, cipher:hex. `name` is that of a WAL file, else "".
    """

    key: str
    url: str = field(repr=False)
    size_bytes: int
    sha256: str
    head: bytes = field(repr=False)
    session_key: str | None = field(default=None, repr=False)
    name: str = ""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A backup's manifest as it is in the store, its object, and WAL files in their order."""

    manifest: Mapping[str, Any]
    object: Sealed
    wal: tuple[Sealed, ...] = ()

    @property
    def is_locked(self) -> bool:
        """Return whether an object is without its session key."""
        return any(sealed.session_key is None for sealed in (self.object, *self.wal))

    def parsed(self) -> Manifest:
        """Return the manifest as a value; ManifestError when it is none."""
        return parse_manifest(json.dumps(dict(self.manifest)).encode())

    def to_json(self) -> str:
        """Return the parcel as one line."""
        said = {
            "manifest": dict(self.manifest),
            "object": _said(self.object),
            "wal": [_said(sealed) | {"name": sealed.name} for sealed in self.wal],
        }
        return json.dumps(said, separators=(",", ":"))


def parse(text: str) -> Parcel:
    """Return the parcel. ValueError says what is wrong, without what may be secret."""
    try:
        said = json.loads(text)
    except ValueError:
        raise ValueError("no JSON") from None
    try:
        wal = tuple(_sealed(one, str(one["name"])) for one in said["wal"])
        manifest = said["manifest"]
        if not isinstance(manifest, dict):
            raise TypeError
        return Parcel(manifest, _sealed(said["object"]), wal)
    except KeyError as error:
        raise ValueError(f"no {error.args[0]!r} in it") from None
    except TypeError:
        raise ValueError("not of the shape that `open` prints") from None


def unlocked(sealed: Sealed, session_key: str) -> Sealed:
    """Return the object with its session key. ValueError for what is no session key."""
    cipher, colon, digits = session_key.partition(":")
    if not (cipher.isdecimal() and colon and digits and set(digits) <= set("0123456789ABCDEF")):
        raise ValueError("a session key has to be as gpg writes it: cipher, colon, hex digits")
    return dataclasses.replace(sealed, session_key=session_key)


def _said(sealed: Sealed) -> dict[str, Any]:
    return {
        "key": sealed.key,
        "url": sealed.url,
        "bytes": sealed.size_bytes,
        "sha256": sealed.sha256,
        "head": base64.b64encode(sealed.head).decode(),
        "session_key": sealed.session_key,
    }


def _sealed(said: Mapping[str, Any], name: str = "") -> Sealed:
    try:
        head = base64.b64decode(said["head"], validate=True)
    except binascii.Error:
        raise ValueError("'head' is no base64") from None
    size, digest, url = said["bytes"], str(said["sha256"]), str(said["url"])
    if not isinstance(size, int) or size < 0:
        raise ValueError("'bytes' is no size")
    if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
        raise ValueError("'sha256' is no digest in hex")
    if not url.startswith(("https://", "http://")):
        raise ValueError("'url' is no address of http or https")
    packets.recipients(head)  # is it one?
    sealed = Sealed(str(said["key"]), url, size, digest, head, name=name)
    key = said["session_key"]
    return sealed if key is None else unlocked(sealed, str(key))
