"""What a figure was measured on, and how long its disk takes to be sure of something."""

from __future__ import annotations

import os
import platform
import statistics
import time
from pathlib import Path
from tempfile import TemporaryFile

from vidijob.errors import SetupError

_WRITES = 20


def machine() -> str:
    """Return processor, cores and system, in words."""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def sync_milliseconds(folder: Path | None) -> float:
    """Return how long ``fdatasync`` of one page takes in a folder, or in that for temporary files: the median."""
    taken = []
    with TemporaryFile(dir=folder) as file:
        for place in range(_WRITES):
            os.pwrite(file.fileno(), b"\x01" * 8192, 8192 * place)
            begun = time.perf_counter()
            os.fdatasync(file.fileno()) if hasattr(os, "fdatasync") else os.fsync(file.fileno())
            taken.append(time.perf_counter() - begun)
    return statistics.median(taken) * 1000


def resident(process: int) -> int:
    """Return how many bytes of memory a process occupies now; raises ``SetupError`` where the system does not say."""
    try:
        pages = int(Path(f"/proc/{process}/statm").read_text("ascii").split()[1])
    except OSError as error:
        raise SetupError(f"How much memory a process occupies is only known on Linux: {error}.") from error
    return pages * os.sysconf("SC_PAGE_SIZE")


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
