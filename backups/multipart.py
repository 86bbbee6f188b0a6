"""An upload whose size nobody knows: parts go out while the next one fills.

Its memory is two buffers, whatever it uploads. Nothing is in the bucket until
`complete`; `abort` leaves nothing. A thread sends, so `write` waits only when both
buffers are full.
"""

import queue
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from backups.errors import AlreadyStored, StoreError
from backups.store import Store, answers, digest

MOST_PARTS = 9_000  # S3 takes 10,000
LEAST_PART_BYTES = 8 * 2**20
PATIENCE_SECONDS = 10  # with a part under way, when all is aborted

Part = dict[str, str | int]


class Upload:
    """A multipart upload. After an error of a part, every further call raises it."""

    def __init__(self, store: Store, key: str, part_bytes: int = LEAST_PART_BYTES) -> None:
        self.key = key
        self.parts: list[Part] = []
        self._store = store
        with answers(key):
            arguments = store.place(key) | store.lock()
            begun = store.client.create_multipart_upload(**arguments)
        self.upload_id: str = begun["UploadId"]
        self.server_time = _date(begun)
        self._free: queue.SimpleQueue[bytearray] = queue.SimpleQueue()
        self._full: queue.SimpleQueue[bytearray | None] = queue.SimpleQueue()
        self._filling = bytearray(part_bytes)
        self._free.put(bytearray(part_bytes))
        self._filled = 0
        self._error: BaseException | None = None
        self._sender = threading.Thread(target=self._send_all, daemon=True)
        self._sender.start()

    def write(self, data: bytes) -> None:
        """Take the next bytes."""
        rest = memoryview(data)
        while len(rest):
            self._raise_error()
            count = min(len(rest), len(self._filling) - self._filled)
            self._filling[self._filled : self._filled + count] = rest[:count]
            self._filled += count
            rest = rest[count:]
            if self._filled == len(self._filling):
                self._full.put(self._filling)
                self._filling, self._filled = self._free.get(), 0

    def flush(self) -> None:
        """Send what is left, and return when all is at the store."""
        self._raise_error()
        if self._filled or not self.parts:
            del self._filling[self._filled :]  # in place: a copy would be a third buffer
            self._full.put(self._filling)
        self._full.put(None)
        self._sender.join()
        self._raise_error()

    def complete(self) -> None:
        """Make the object of its parts."""
        complete(self._store, self.key, self.upload_id, self.parts)

    def abort(self) -> None:
        """Forget it all."""
        self._error = self._error or StoreError("The upload is aborted.")
        self._full.put(None)
        self._sender.join(PATIENCE_SECONDS)
        self._store.abort(self.key, self.upload_id)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error

    def _send_all(self) -> None:
        while (body := self._full.get()) is not None:
            try:
                if self._error is None:
                    self.parts.append(self._send(body))
            except BaseException as error:  # noqa: BLE001 (raised again by whoever writes)
                self._error = error
            self._free.put(body)

    def _send(self, body: bytearray) -> Part:
        number = len(self.parts) + 1
        with answers(f"part {number} of {self.key}"):
            sent = self._store.client.upload_part(
                **self._store.place(self.key),
                UploadId=self.upload_id,
                PartNumber=number,
                Body=body,
                ContentMD5=digest(body),
            )
        return {"PartNumber": number, "ETag": sent["ETag"]}


def complete(store: Store, key: str, upload_id: str, parts: Sequence[Part]) -> None:
    """Make an object of the parts. When that was done already, nothing is wrong.

    Keys are never used twice, so an object that is there is this very upload's: the
    answer to an earlier attempt was lost.
    """
    arguments = store.place(key) | {"UploadId": upload_id}
    try:
        with answers(key):
            store.unless_there(
                store.client.complete_multipart_upload,
                MultipartUpload={"Parts": list(parts)},
                **arguments,
            )
    except AlreadyStored:
        return


def part_bytes_for(expected_bytes: int) -> int:
    """Return a part's size with which so much, and not a part too many, can be uploaded."""
    return max(LEAST_PART_BYTES, -(-expected_bytes // MOST_PARTS))


def _date(answer: dict[str, Any]) -> datetime | None:
    """Return the server's time, from the header that every answer has."""
    said = answer["ResponseMetadata"]["HTTPHeaders"].get("date")
    return parsedate_to_datetime(said).astimezone(UTC) if said else None
