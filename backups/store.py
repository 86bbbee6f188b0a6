"""The bucket: this is the one door to S3.

Keys are below the settings' prefix. What fails is a StoreError. A request that got no
answer, or a 5xx, is sent again (four times, by botocore, which waits longer each time);
nothing waits for longer than the time-outs here. Only `put(..., is_new=False)` replaces
an object: everything else is stored with If-None-Match.
"""

import base64
import contextlib
import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from backups.errors import (
    AlreadyStored,
    NotStored,
    SettingsError,
    StoreError,
    StoreRefused,
    StoreSilent,
)
from backups.settings import StoreSettings, read_credentials

CONNECT_SECONDS = 10
READ_SECONDS = 60  # between two bytes; the completion of a large upload takes a while
ATTEMPTS = 5

_NOT_THERE = {"404", "NoSuchKey", "NoSuchUpload", "NoSuchVersion", "NotFound"}
_REFUSED = {"403", "AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ObjectLocked"}
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}
_UNKNOWN = {"NotImplemented", "501"}
_THERE = {"412", "PreconditionFailed"}
_CONFLICT = "ConditionalRequestConflict"  # Amazon: "retry the upload"
_CONFLICT_PAUSES = (0.5, 1, 2, 4)  # seconds


@dataclass(frozen=True, slots=True)
class Listed:
    """An object, or one version of it, as a listing tells of it."""

    key: str
    bytes: int
    modified_at: datetime
    version: str | None = None
    is_marker: bool = False  # a version that says "deleted"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A multipart upload that was neither completed nor aborted."""

    key: str
    upload_id: str
    begun_at: datetime


class Store:
    """A bucket, or a folder of one, as one identity."""

    def __init__(self, settings: StoreSettings) -> None:
        self.prefix = settings.prefix
        self.lock_days = settings.lock_days
        self.client = _client(settings)
        self._bucket = settings.bucket

    def place(self, key: str) -> dict[str, Any]:
        """Return the arguments that name an object."""
        return {"Bucket": self._bucket, "Key": self.prefix + key}

    def put(self, key: str, body: bytes, *, is_new: bool = True) -> None:
        """Store a small object. AlreadyStored when there is one and this has to be new."""
        arguments = self.place(key) | self.lock() | {"Body": body, "ContentMD5": digest(body)}
        with answers(key):
            if is_new:
                self.unless_there(self.client.put_object, **arguments)
            else:
                self.client.put_object(**arguments)

    def unless_there(self, verb: Callable[..., Any], **arguments: Any) -> None:
        """Store something where nothing is yet; the store answers 412 otherwise.

        Some stores know no condition and say so. There a key that is used twice is
        replaced: ours name a moment and chance, or their own content.
        """
        from botocore.exceptions import ClientError

        for pause in (*_CONFLICT_PAUSES, None):
            try:
                verb(IfNoneMatch="*", **arguments)
                return
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code")
                if code in _UNKNOWN:
                    break
                if code != _CONFLICT or pause is None:
                    raise
                # Somebody else stores it just now, as both hosts do their WAL: ask again.
                time.sleep(pause)
        verb(**arguments)

    def read(self, key: str, most_bytes: int = 2**20) -> bytes:
        """Return a small object's content. StoreError when it is larger than that."""
        with answers(key):
            body = self.client.get_object(**self.place(key))["Body"]
            content: bytes = body.read(most_bytes + 1)
            body.close()
        if len(content) > most_bytes:
            raise StoreError(f"{key} is larger than {most_bytes} bytes.")
        return content

    def head(self, key: str, count: int) -> bytes:
        """Return the first bytes of an object, at most that many."""
        with answers(key):
            answer = self.client.get_object(Range=f"bytes=0-{count - 1}", **self.place(key))
            content: bytes = answer["Body"].read()
        return content

    def link(self, key: str, lifetime: timedelta) -> str:
        """Return an address from which anybody may fetch the object for that long."""
        seconds = int(lifetime.total_seconds())
        place = self.place(key)
        with answers(key):
            url: str = self.client.generate_presigned_url("get_object", place, seconds)
        return url

    def listed(self, prefix: str) -> Iterator[Listed]:
        """Yield the objects whose keys begin so, in the order of their keys."""
        with answers(prefix):
            for page in self._pages("list_objects_v2", prefix):
                for one in page.get("Contents", ()):
                    yield Listed(self._own(one), one["Size"], one["LastModified"])

    def versions(self, prefix: str) -> Iterator[Listed]:
        """Yield every version of those objects, those that say "deleted" too."""
        with answers(prefix):
            for page in self._pages("list_object_versions", prefix):
                for is_marker, name in ((False, "Versions"), (True, "DeleteMarkers")):
                    for one in page.get(name, ()):
                        size, when = one.get("Size", 0), one["LastModified"]
                        yield Listed(self._own(one), size, when, one["VersionId"], is_marker)

    def delete(self, key: str, version: str | None = None) -> None:
        """Delete an object, or that version. StoreRefused when a lock holds it."""
        named = {"VersionId": version} if version else {}
        with answers(key):
            self.client.delete_object(**self.place(key), **named)

    def tag(self, key: str, name: str, value: str) -> None:
        """Set the object's one tag."""
        tags = {"TagSet": [{"Key": name, "Value": value}]}
        with answers(key):
            self.client.put_object_tagging(**self.place(key), Tagging=tags)

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield the multipart uploads that are under way or were left."""
        with answers("the unfinished uploads"):
            for page in self._pages("list_multipart_uploads", ""):
                for one in page.get("Uploads", ()):
                    yield Unfinished(self._own(one), one["UploadId"], one["Initiated"])

    def abort(self, key: str, upload_id: str) -> None:
        """Forget a multipart upload and its parts. NotStored when there is none."""
        with answers(key):
            self.client.abort_multipart_upload(**self.place(key), UploadId=upload_id)

    def lock(self) -> dict[str, Any]:
        """Return the arguments that keep an upload from being deleted for `lock_days`."""
        if not self.lock_days:
            return {}
        until = datetime.now(UTC) + timedelta(days=self.lock_days)
        return {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}

    def _pages(self, verb: str, prefix: str) -> Iterator[dict[str, Any]]:
        pages = self.client.get_paginator(verb)
        yield from pages.paginate(Bucket=self._bucket, Prefix=self.prefix + prefix)

    def _own(self, listed: dict[str, Any]) -> str:
        key: str = listed["Key"]
        return key.removeprefix(self.prefix)


def digest(body: bytes | bytearray | memoryview) -> str:
    """Return the Content-MD5 of a body: every S3 checks it, which is all it is for."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


@contextlib.contextmanager
def answers(what: str) -> Iterator[None]:
    """Turn what botocore raises into our own errors."""
    from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
    from botocore.exceptions import ConnectionError as Unconnected

    try:
        yield
    except ClientError as error:
        raise _refusal(what, error.response) from None
    except (HTTPClientError, Unconnected, OSError) as error:
        raise StoreSilent(f"S3 gave no answer for {what}: {_first_line(error)}") from None
    except BotoCoreError as error:
        raise StoreError(f"S3 could not be asked for {what}: {_first_line(error)}") from None


def _refusal(what: str, response: dict[str, Any]) -> StoreError:
    """Return the error for an answer that is one."""
    said = response.get("Error", {})
    code = str(said.get("Code", "")) or "no reason"
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    words = f"S3 answered {code} for {what}"
    if code in _SKEWED:
        return StoreRefused(f"{words}: this host's clock is wrong. Correct it (timedatectl).")
    if code in _NOT_THERE or status == 404:
        return NotStored(f"{words}.")
    if code in _THERE or status == 412:
        return AlreadyStored(f"{words}: it is there already.")
    if code in _REFUSED or status == 403:
        return StoreRefused(f"{words}: these credentials may not, or a lock holds it.")
    if status >= 500:
        return StoreSilent(f"{words}, again and again: nobody knows whether it was done.")
    return StoreError(f"{words}: {str(said.get('Message', ''))[:200]}")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]


def _client(settings: StoreSettings) -> Any:
    """Return botocore's client. It reads no file and no variable of the machine's own."""
    import boto3
    from botocore.config import Config

    credentials = read_credentials(settings.credentials)
    if settings.authority and not settings.authority.is_file():
        raise SettingsError(f"store.authority: there is no file {settings.authority}.")
    config = Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        s3={"addressing_style": "path"},
        signature_version="s3v4",
        # Other stores than Amazon's refuse what is newer than Content-MD5.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint,
        region_name=settings.region,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        verify=str(settings.authority) if settings.authority else None,
        config=config,
    )
