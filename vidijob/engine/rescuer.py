"""Gives back what a vanished worker held, and moves on what stands still by a fault. It works while its process leads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop, promptly
from vidijob.engine.worker import LEASE
from vidijob.jobs.policy import MOST_VANISHED
from vidijob.jobs.states import StepState
from vidijob.observability import metrics
from vidijob.store import jobs, problems, remote_calls, steps, workers
from vidijob.store.database import Database
from vidijob.store.steps import End

_log = logging.getLogger(__name__)

_LOOK = 5.0
_SWEEP = 15.0
_SILENT = timedelta(minutes=4)
_OLD = timedelta(minutes=10)


class Rescuer:
    """Looks for leases that ran out, when the next one may, and for strays, now and then."""

    def __init__(self, database: Database, bell: Bell, leads: Callable[[], bool]) -> None:
        self._database = database
        self._bell = bell
        self._leads = leads
        self._not_before = 0.0
        self._rescues = Loop("rescuer", self._guarded)
        self._sweeps = Loop("strays", self.sweep)

    def start(self) -> None:
        """Begin to look."""
        self._rescues.start()
        self._sweeps.start()

    async def stop(self) -> None:
        """Look no more."""
        await self._rescues.stop()
        await self._sweeps.stop()

    async def _guarded(self) -> float:
        now = asyncio.get_running_loop().time()
        if not self._leads():
            # While nobody led, or the database was away, nobody could extend a lease for sure: the workers that live
            # get a lease's time first.
            self._not_before = now + LEASE.total_seconds()
            return 1.0
        outlook = await promptly(steps.outlook(self._database))
        if outlook.due:
            # Usually workers know; whoever queued it may have been killed before it could tell.
            self._bell.ring("vidijob_step")
        if outlook.expiry is not None and outlook.expiry <= 0:
            if now >= self._not_before:
                await self.tick()
            return 1.0
        # A new lease lasts longer than this.
        nearest = min([_LOOK, *(at for at in (outlook.expiry, outlook.ready) if at is not None and at > 0)])
        return max(nearest, 0.1)

    async def tick(self) -> None:
        """Give back every step whose lease ran out; fail those that it happened to too often."""
        overdue = await promptly(steps.overdue(self._database))
        if not overdue:
            return
        hopeless = [late for late in overdue if late.vanished >= MOST_VANISHED]
        if hopeless:
            reason = f"{MOST_VANISHED + 1} workers vanished while they ran this step; it is not tried again."
            ends = [
                End(late.held, StepState.FAILED_FATAL, error=reason, data={"errorMessage": [reason]})
                for late in hopeless
            ]
            await steps.end(self._database, ends, expired_only=True)
        again = [late.held for late in overdue if late.vanished < MOST_VANISHED]
        if again:
            for held in await steps.give_back(self._database, again, None):
                _log.warning("step %d of job %d: its worker vanished; it will be run again", held.step, held.job)
                metrics.STEPS_RESCUED.add()
        self._bell.ring("vidijob_step")
        self._bell.ring("vidijob_job")

    async def sweep(self) -> float:
        """Derive anew what should move; each repair is logged as the bug it is."""
        if not self._leads():
            return _SWEEP
        strays = await jobs.stray(self._database)
        if strays:
            for repaired in await steps.repair(self._database, strays):
                _log.error("a bug: %s by the rescuer", repaired)
                metrics.REPAIRS.add()
            self._bell.ring("vidijob_step")
            self._bell.ring("vidijob_job")
        await workers.forget(self._database, _SILENT)
        await problems.forget(self._database, _OLD)
        if await problems.is_due(self._database):
            self._bell.ring("vidijob_problem")
        await remote_calls.forget(self._database, _OLD)
        return _SWEEP
