"""What a server keeps in memory, sampled while it works, and whether that grows with what it was asked."""

from __future__ import annotations

import asyncio
import re
import signal
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import median

from tests.acceptance.conftest import Installation

#: Started in the place of ``-m vidijob``.
WATCHED = (str(Path(__file__).with_name("watched.py")),)


@dataclass(frozen=True, slots=True)
class Sample:
    """The memory of a process after so many inputs."""

    inputs: int
    #: What the process has of the system for itself alone, in kilobytes.
    private: int
    #: Pieces of memory that Python has handed out and not got back.
    blocks: int
    #: Likewise of the C library, in bytes; Python's large pieces are among them.
    allocated: int


async def sample(installation: Installation, inputs: int) -> Sample:
    """Ask the first process, which was started as ``WATCHED`` and has nothing to do at the moment."""
    server = installation.processes[0]
    told = installation.folder / "in-use"
    told.unlink(missing_ok=True)
    private = re.search(r"Private_Dirty:\s+(\d+) kB", Path(f"/proc/{server.pid}/smaps_rollup").read_text())
    assert private is not None
    server.send_signal(signal.SIGUSR1)
    async with asyncio.timeout(20):
        while not told.exists():
            await asyncio.sleep(0.01)
    blocks, allocated = map(int, told.read_text().split())
    return Sample(inputs, int(private[1]), blocks, allocated)


def slope(points: list[tuple[int, int]]) -> float:
    """Return the median of the slopes between any two points: the trend, whatever a few outliers say (Theil and Sen)."""
    return median((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2))
