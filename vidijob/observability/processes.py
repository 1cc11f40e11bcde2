"""What the system says of the processes that answer together; nothing where there is no ``/proc``."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client.metrics_core import Metric as Family

from vidijob.observability import metrics
from vidijob.observability.recording import siblings

_PROC = Path("/proc")


def read() -> list[Family]:
    """Return processor time, memory, open files and start of each process."""
    cpu, memory, files, started = [], [], [], []
    boot = _boot_time()
    for pid in siblings():
        labels = (str(pid),)
        try:
            # The name of a process may have any letters; what follows it is counted from behind.
            parts = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
            number = len(os.listdir(_PROC / str(pid) / "fd"))
        except OSError:
            continue
        ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
        cpu.append((labels, (int(parts[11]) + int(parts[12])) / ticks))
        memory.append((labels, float(int(parts[21]) * page)))
        started.append((labels, boot + int(parts[19]) / ticks))
        files.append((labels, float(number)))
    return [
        metrics.PROCESS_CPU.of(cpu),
        metrics.PROCESS_MEMORY.of(memory),
        metrics.PROCESS_FILES.of(files),
        metrics.PROCESS_STARTED.of(started),
    ]


def _boot_time() -> float:
    try:
        lines = (_PROC / "stat").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)
