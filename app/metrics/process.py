"""What a process costs, from the kernel: this is where it is asked."""

import os
from pathlib import Path

from app.metrics.catalogue import CPU, MEMORY
from app.metrics.samples import Sample

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def cost(program: str) -> list[Sample]:
    """Return CPU time and memory of this process."""
    times = os.times()
    resident_pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return [
        Sample(CPU, times.user + times.system, (program,)),
        Sample(MEMORY, resident_pages * _PAGE_BYTES, (program,)),
    ]
