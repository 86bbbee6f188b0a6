"""Memory for the bodies of pings, one bound for all connections: who finds none left waits for it.

A body gets the room for all of it before it is read, so that every body that is begun
can end. Waiting costs a client time and no ping: what it sends stays in its socket, but for
what came together with its head. That has a bound of its own.
"""

from collections import deque
from collections.abc import Callable

MOST_BYTES = 16 * 2**20
MOST_AHEAD_BYTES = 16 * 2**20
SMALL_BYTES = 2_048  # less than a connection costs without: needs no lease


class Lease:
    """Room for one body: granted at once or later, released once."""

    __slots__ = ("_bodies", "ahead_bytes", "granted", "is_granted", "is_over", "size")

    def __init__(self, bodies: "Bodies", size: int, granted: Callable[[], None]) -> None:
        self._bodies, self.size, self.granted = bodies, size, granted
        self.is_granted = self.is_over = False
        self.ahead_bytes = 0

    def take_ahead(self, size: int) -> bool:
        """Count bytes that came before the room was granted; False when too many have."""
        return self._bodies.take_ahead(self, size)

    def release(self) -> None:
        """Give the room back, or wait no more. Idempotent."""
        if not self.is_over:
            self.is_over = True
            self._bodies.released(self)


class Bodies:
    """The room there is, and who waits for it, first come first served."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self.used_bytes = self.ahead_bytes = 0
        self._waiting: deque[Lease] = deque()

    def lease(self, size: int, granted: Callable[[], None]) -> Lease:
        """Return a lease; `granted` is called later when it is not granted at once.

        What is larger than all the room gets all of it.
        """
        lease = Lease(self, min(size, self._most_bytes), granted)
        if self._waiting or self.used_bytes + lease.size > self._most_bytes:
            self._waiting.append(lease)
        else:
            self._grant(lease)
        return lease

    def take_ahead(self, lease: Lease, size: int) -> bool:
        """Count bytes that came before the lease was granted; False when too many have."""
        if self.ahead_bytes + size > MOST_AHEAD_BYTES:
            return False
        self.ahead_bytes += size
        lease.ahead_bytes += size
        return True

    def released(self, lease: Lease) -> None:
        """Take a lease back, and let those in that fit now."""
        self._forget_ahead(lease)
        if lease.is_granted:
            self.used_bytes -= lease.size
        while self._waiting:
            first = self._waiting[0]
            if not first.is_over and self.used_bytes + first.size > self._most_bytes:
                return
            self._waiting.popleft()
            if not first.is_over:
                self._grant(first)
                first.granted()

    def _grant(self, lease: Lease) -> None:
        self._forget_ahead(lease)
        lease.is_granted = True
        self.used_bytes += lease.size

    def _forget_ahead(self, lease: Lease) -> None:
        self.ahead_bytes -= lease.ahead_bytes
        lease.ahead_bytes = 0
