"""A cable that takes its time: relay.py LEFT RIGHT SECONDS.

Frames that come in at one of two tap interfaces leave by the other one so many
seconds later, both ways and in order. Runs in the switch namespace, as a
program of its own, and needs nothing of ours. The interfaces go with it.
"""

import fcntl
import os
import select
import struct
import sys
import time
from collections import deque

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
_LARGEST_FRAME = 65_600
# What is longer on its way than this many frames is dropped, as by any cable's buffers.
_MOST_FRAMES = 20_000
_BURST = 64


def relay(left: int, right: int, delay_seconds: float) -> None:
    """Relay between two file descriptors of taps, for ever."""
    other = {left: right, right: left}
    underway: deque[tuple[float, int, bytes]] = deque()
    while True:
        wait = max(0.0, underway[0][0] - time.monotonic()) if underway else None
        for source in select.select([left, right], [], [], wait)[0]:
            for frame in _waiting_frames(source):
                if len(underway) < _MOST_FRAMES:
                    underway.append((time.monotonic() + delay_seconds, other[source], frame))
        now = time.monotonic()
        while underway and underway[0][0] <= now:
            _, target, frame = underway.popleft()
            try:
                os.write(target, frame)
            except OSError:
                continue  # the other side is off: the frame is lost, as on a cable


def _waiting_frames(source: int) -> list[bytes]:
    frames: list[bytes] = []
    try:
        while len(frames) < _BURST:
            frames.append(os.read(source, _LARGEST_FRAME))
    except BlockingIOError:
        pass
    except OSError:
        time.sleep(0.001)  # the interface is off
    return frames


def _tap(name: str) -> int:
    descriptor = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    request = struct.pack("16sH", name.encode(), _IFF_TAP | _IFF_NO_PI)
    fcntl.ioctl(descriptor, _TUNSETIFF, request)
    return descriptor


if __name__ == "__main__":
    relay(_tap(sys.argv[1]), _tap(sys.argv[2]), float(sys.argv[3]))
