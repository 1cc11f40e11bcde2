"""What Prometheus is told, beside what is counted where it happens: what is read from the database when it asks, and how long
a sample of jobs and steps has waited. It knows no HTTP.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable

from prometheus_client.metrics_core import Metric as Family

from vidijob.engine.loop import Ticker
from vidijob.errors import Unavailable
from vidijob.jobs.model import JobId, Lease, StepNumber
from vidijob.observability import metrics, processes
from vidijob.observability.recording import expose
from vidijob.store import readings
from vidijob.store.database import Database
from vidijob.store.readings import Readings

_log = logging.getLogger(__name__)

#: However many ask, the database is asked once in so many seconds.
_REMEMBERED = 2.0
#: So long it may take to answer; what scrapes gives up after ten.
_PATIENCE = 4.0
#: How many jobs, and how many steps, of a second are looked at.
_MOST = 32
_PAUSE = 1.0
_ASLEEP = 3600.0


class Meters:
    """All that there is to tell, for one process and those that share its counts."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: tuple[float, list[Family]] | None = None
        self._reading = asyncio.Lock()

    async def page(self) -> bytes:
        """Return every metric, in the words of Prometheus."""
        async with self._reading:
            if self._known is None or self._known[0] < time.monotonic():
                read = await self._read()
                self._known = (time.monotonic() + _REMEMBERED, read)
            families = self._known[1]
        return await asyncio.to_thread(lambda: expose([*families, *processes.read()]))

    async def _read(self) -> list[Family]:
        try:
            async with asyncio.timeout(_PATIENCE):
                found = await readings.read(self._database)
        except (Unavailable, TimeoutError) as error:
            _log.warning("metrics without what is read from the database: %s", str(error) or "it takes too long")
            return [metrics.DATABASE_UP.of([((), 0)])]
        return [metrics.DATABASE_UP.of([((), 1)]), *_families(found)]


def _families(found: Readings) -> Iterable[Family]:
    return (
        metrics.JOBS.of(found.jobs.items()),
        metrics.QUEUE_AGE.of(((priority,), age) for priority, age in found.queue_age.items()),
        metrics.STEPS_QUEUED.of([((), found.steps_queued)]),
        metrics.STEP_QUEUE_AGE.of([((), found.step_age or 0.0)]),
        metrics.STEPS_HELD.of([((), found.steps_held)]),
        metrics.SLOTS.of([(("free",), found.slots_free), (("taken",), found.slots_taken)]),
        metrics.WORKERS.of([(("working",), found.workers_working), (("drained",), found.workers_drained)]),
        metrics.WORKER_SLOTS.of([((), found.worker_slots)]),
        metrics.PROBLEMS.of(((type,), number) for type, number in found.problems.items()),
        metrics.LEADER.of([((), found.led)]),
        metrics.EVENTS.of([((), found.events)]),
        metrics.EVENTS_UNREAD.of([((), max(found.events - found.events_seen, 0))]),
        metrics.DELIVERIES_PENDING.of([((), found.deliveries)]),
        metrics.LANES_TROUBLED.of([((), found.lanes_troubled)]),
    )


class Samples(Ticker):
    """How long jobs and steps have waited: of those that it is told of, a few each second are looked up in the event log, so
    that the statements which start them carry nothing for it.
    """

    def __init__(self, database: Database) -> None:
        super().__init__("samples")
        self._database = database
        self._jobs: list[JobId] = []
        self._steps: list[tuple[JobId, StepNumber]] = []
        self._asleep = True

    def admitted(self, jobs: Collection[JobId]) -> None:
        """Take note of jobs that were started."""
        metrics.ADMITTED.add(by=len(jobs))
        self._jobs += list(jobs)[: _MOST - len(self._jobs)]
        self._rouse()

    def begun(self, lease: Lease) -> None:
        """Take note of a step that a worker has begun."""
        metrics.STEPS_TAKEN.add(lease.job_type)
        if len(self._steps) < _MOST:
            self._steps.append((lease.job, lease.step))
            self._rouse()

    def _rouse(self) -> None:
        # What is noted within a second of the last look waits for the next one.
        if self._asleep:
            self._asleep = False
            self._loop.wake()

    async def tick(self) -> float:
        """Look up what was noted; returns the seconds until it is worth another look."""
        jobs, self._jobs = self._jobs, []
        steps, self._steps = self._steps, []
        if not jobs and not steps:
            self._asleep = True
            return _ASLEEP
        for waited in await readings.admissions(self._database, jobs) if jobs else ():
            metrics.ADMISSION_SECONDS.add(seconds=waited)
        for waited in await readings.claims(self._database, steps) if steps else ():
            metrics.CLAIM_SECONDS.add(seconds=waited)
        return _PAUSE
