"""One at a time: this is where tasks of the lab wait for each other."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ops.errors import LabError


@contextmanager
def holding(name: str, wait_seconds: float) -> Iterator[None]:
    """Hold the lock of that name. LabError when others keep it longer than we wait.

    An abstract socket's name: it goes with its process, however that ends, and
    is no file that somebody has to remove.
    """
    deadline = time.monotonic() + wait_seconds
    with socket.socket(socket.AF_UNIX) as held:
        while True:
            try:
                held.bind(f"\0{name}")
                break
            except OSError:
                if time.monotonic() > deadline:
                    why = f"Another task of the lab holds {name} for {wait_seconds} s"
                    raise LabError(f"{why}. Wait for it, or end it.") from None
            time.sleep(0.05)
        yield
