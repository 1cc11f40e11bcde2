"""A process of vidijob as it is, but for its executor, whose steps take no time, and for how long a lease lasts.

``python -m tests.faults.child ROLES JOURNAL LEASE-SECONDS``; the settings come from the environment. What it begins it writes
into the journal first, a line for each attempt: job, step, lease, process, time. What it has done it writes into a second file
beside that: job, time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import cast

from vidijob import app, settings, workshop
from vidijob.engine import rescuer, worker
from vidijob.executors.base import Done, Executor, Outcome, StepContext
from vidijob.executors.storage import Storage
from vidijob.jobs.model import Dependency, JobType, StepNumber, TaskDefinition

EXECUTOR = "fault"
#: Two steps and a clean-up.
TYPE = JobType(
    "FAULT",
    (
        TaskDefinition(StepNumber(100), "first", EXECUTOR, "work"),
        TaskDefinition(StepNumber(200), "second", EXECUTOR, "work", Dependency(previous=True)),
        TaskDefinition(StepNumber(5000), "clean", EXECUTOR, "work", cleanup=True),
    ),
)
#: One step of half a second, in which something can happen to it.
REST = JobType("REST", (TaskDefinition(StepNumber(100), "only", EXECUTOR, "rest"),))
#: How long it takes, in seconds.
LASTING = 0.5


def appended(path: Path) -> int:
    """Open a file that several processes write lines to."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)


def ends_of(journal: Path) -> Path:
    """Return the file beside a journal."""
    return journal.with_name(journal.name + ".ends")


class FaultExecutor:
    """Takes a few milliseconds, and says which lease it had."""

    methods = frozenset({"work", "rest"})
    short = frozenset[str]()
    problems = frozenset[str]()

    def __init__(self, journal: Path) -> None:
        self._journal, self._ends = (appended(path) for path in (journal, ends_of(journal)))

    async def run(self, step: StepContext) -> Outcome:
        """Carry out a step."""
        job = step.job.removeprefix("VX-")
        os.write(self._journal, f"{job} {step.step} {step.lease} {os.getpid()} {time.time():.3f}\n".encode())
        await asyncio.sleep(LASTING if step.method == "rest" else random.uniform(0, 0.02))
        os.write(self._ends, f"{job} {time.time():.3f}\n".encode())
        return Done({f"lease-{step.step}": [str(step.lease)]})

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """It knows no problems."""
        return False


def main(roles: str, journal: str, lease: str) -> None:
    """Run until a signal."""

    def executors(settings: settings.Settings, storage: Storage) -> dict[str, Executor]:
        return {EXECUTOR: FaultExecutor(Path(journal))}

    workshop.executors = executors
    for part in (worker, rescuer):
        vars(part)["LEASE"] = timedelta(seconds=float(lease))
    logging.basicConfig(level=logging.WARNING)
    chosen = cast("tuple[app.Role, ...]", tuple(roles.split(",")))
    asyncio.run(app.run(settings.load({}), chosen, lambda _: None))


if __name__ == "__main__":
    main(*sys.argv[1:])
