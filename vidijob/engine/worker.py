"""Carries steps out: claims them, keeps their leases, runs the executor, reports the outcome. It knows no ffmpeg and no
HTTP.

Three loops share the runs: *claims* fills free slots, *beats* keeps leases and tells progress, *reports* (in ``reports.py``)
ends what has ended, many in one transaction. A slot is free again only when the report was taken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import assert_never
from uuid import uuid4

from vidijob.engine import endings
from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop, promptly
from vidijob.engine.offers import Offers
from vidijob.engine.reports import Reports
from vidijob.engine.run import Fate, Run, checked
from vidijob.engine.telling import store_told
from vidijob.engine.tracking import is_tracked, tell, tracked
from vidijob.errors import Unavailable
from vidijob.executors.base import Fail, Outcome, Retry, Vanished
from vidijob.executors.registry import Registry
from vidijob.jobs import placement, policy, resources
from vidijob.jobs.model import Lease, WorkerId
from vidijob.jobs.resources import Resources
from vidijob.observability import metrics
from vidijob.observability.logs import JOB
from vidijob.store import problems, steps, workers
from vidijob.store.database import Database
from vidijob.store.direct import Offer
from vidijob.store.steps import Held

_log = logging.getLogger(__name__)

#: A lease runs out so long after it was last extended.
LEASE = timedelta(seconds=10)
_BEAT = 1.0
#: Whatever wakes the beats, no lease is extended again sooner, unless it may be that a step is to stop.
_NEXT = 0.75
#: So often, in seconds, it says that it is there.
PRESENCE = 90.0
_POLL = 2.0
_CHECK = 15.0
#: While a worker hears it looks unasked only when it says that it is there.
_SELDOM = 3600.0
#: How long an executor has to end when its worker stops.
_FAREWELL = 10.0


class Worker:
    """One worker process's hands: at most ``slots`` steps at once, and urgent ones beyond."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        registry: Registry,
        *,
        slots: int,
        site: str,
        offers: Resources | None = None,
        grace: timedelta = timedelta(),
        look_again: timedelta = steps.CHECK_AGAIN,
        told: Callable[[Lease], None] = lambda _: None,
    ) -> None:
        """``offers`` are its resources, ``grace`` is what steps have to finish when it stops, ``look_again`` passes between
        two looks at what jobs wait for, ``told`` hears of each step that it begins.
        """
        self.id = WorkerId(uuid4())
        self._database = database
        self._bell = bell
        self._registry = registry
        self._slots = slots
        self._site = site
        self._look_again = look_again
        self._told = told
        self._offers = offers or {}
        self._grace = grace.total_seconds()
        self._drained = False
        self._runs: dict[Held, Run] = {}
        self._room = Offers(self.id, registry, self._runs, slots, self._look)
        self._reports = Reports(database, bell, self, look_again=look_again)
        self._entered = False
        self._next_presence = 0.0
        self._next_beat = 0.0
        self._claims = Loop("claims", self.claim)
        self._beats = Loop("beats", self.beat)
        self._checks = Loop("checks", self.check)
        bell.on("vidijob_step", self._look)
        bell.on("vidijob_stop", self._hurry)
        bell.on("vidijob_problem", self._checks.wake)
        bell.on("vidijob_worker", self._listen)

    def start(self) -> None:
        """Begin to take steps."""
        for part in (self._beats, self._reports, self._claims, self._checks):
            part.start()

    async def stop(self) -> None:
        """Take no more, let what runs finish for as long as the grace lasts, and hand back the rest for others to run."""
        await self._claims.stop()
        await self._checks.stop()
        await self._room.close()
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        if tasks and self._grace:
            await asyncio.wait(tasks, timeout=self._grace)
        for run in self._runs.values():
            run.cancel(Fate.HAND_BACK)
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=_FAREWELL)
            for task in stubborn:
                _log.error("%s: a bug in its executor: it does not let itself be cancelled", task.get_name())
        await self._reports.stop()
        await self._beats.stop()
        if self._runs:
            await steps.give_back(self._database, list(self._runs), self.id)
            self._bell.ring("vidijob_step")
        await workers.leave(self._database, self.id)

    @property
    def is_drained(self) -> bool:
        """Tell whether it takes no more steps because an operator said so."""
        return self._drained

    def offering(self, ending: int = 0, *, most: int | None = None) -> AbstractContextManager[Offer]:
        """Offer to take steps at once, at most so many; ``ending`` are about to make room for as many."""
        return self._room.one(LEASE, ending=ending, most=most, willing=not self._drained)

    def begin(self, leases: Sequence[Lease]) -> None:
        """Carry out steps that it was given."""
        for lease in leases:
            self._launch(lease)

    def _look(self) -> None:
        self._room.others_wait = True
        self._claims.wake()

    def _listen(self) -> None:
        # What it is told it learns when it says that it is there.
        self._next_presence = 0.0
        self._beats.wake()

    def _hurry(self) -> None:
        # Whether a step is to stop it learns when it extends its lease.
        self._next_beat = 0.0
        self._beats.wake()

    async def claim(self) -> float:
        """Take steps while there is room for them."""
        if self._room.doubtful and await self._room.clear(self._database):
            self._bell.ring("vidijob_step")
        while not self._drained and not self._room.doubtful:
            room, urgent_only = self._room.to_fill()
            if room <= 0:
                return self._pause(_POLL)
            leases = await self._claim(room, urgent_only)
            self.begin(leases)
            if leases:
                # That steps have begun may be told to somebody.
                self._bell.ring("vidijob_event")
            # One that needs resources comes alone, since it changes what is left.
            if len(leases) < room and not any(lease.needs for lease in leases):
                return self._pause(_POLL)
            self._room.others_wait = True
        return _POLL if self._room.doubtful else self._pause(_POLL)

    async def _claim(self, room: int, urgent_only: bool) -> list[Lease]:
        try:
            return await steps.claim(
                self._database,
                self.id,
                self._registry.names,
                limit=room,
                urgent_only=urgent_only,
                duration=LEASE,
                short=self._registry.short,
                left=resources.left(self._offers, (run.hold.needs for run in self._runs.values())),
            )
        except BaseException:
            self._room.doubt()
            raise

    def _pause(self, seconds: float) -> float:
        return _SELDOM if self._bell.hears else seconds

    async def beat(self) -> float:
        """Extend the leases, store progress and notes, and act on what the answer says."""
        running = {held: run for held, run in self._runs.items() if not self._reports.takes(held)}
        now = asyncio.get_running_loop().time()
        if running and now < self._next_beat:
            # Woken for what a step tells: the leases last.
            mine = {held: run for held, run in running.items() if held not in self._reports}
            if await promptly(store_told(self._database, mine)):
                self._bell.ring("vidijob_step")
        elif running:
            told = {held: run.told() for held, run in running.items()}
            kept = await promptly(steps.extend(self._database, told, LEASE))
            self._next_beat = now + _NEXT
            for held, run in running.items():
                if held not in kept:
                    run.cancel(Fate.LOST)
                elif kept.get(held):
                    run.cancel(Fate.STOPPED)
            mine = {held: run for held, run in running.items() if held in kept and held not in self._reports}
            if await promptly(store_told(self._database, mine)):
                self._bell.ring("vidijob_step")
        await self._be_present()
        now = asyncio.get_running_loop().time()
        if self._runs:
            return max(self._next_beat - now, 0.0) + _BEAT - _NEXT
        return max(self._next_presence - now, _BEAT)

    async def _be_present(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_presence:
            word = await workers.beat(
                self._database,
                self.id,
                host=socket.gethostname(),
                pid=os.getpid(),
                executors=self._registry.names,
                slots=self._slots,
                resources=self._offers,
            )
            # Workers that were started together do not say so together for ever.
            self._next_presence = now + PRESENCE * (1 if self._entered else random.random())
            self._entered = True
            if word.drained is not self._drained:
                self._drained = word.drained
                _log.info("drained: it takes no more steps" if word.drained else "it takes steps again")
                self._claims.wake()
            if word.ready:
                self._claims.wake()

    def forget(self, held: Held) -> None:
        """Have done with a step: its end was stored, or does not count."""
        full = len(self._runs) >= self._slots
        run = self._runs.pop(held, None)
        if full or (run is not None and run.hold.needs):
            self._claims.wake()

    async def check(self) -> float:
        """Look whether problems are gone, and let the jobs go on that waited for them."""
        for problem, type, data in await problems.due(
            self._database, self._registry.problems, self._look_again, limit=10
        ):
            if await self._registry.is_gone(type, data):
                held = await problems.resolve(self._database, problem, actor=str(self.id), remark=f"{type} is gone")
                _log.info("%s %s is gone; %d jobs go on", type, dict(data), len(held))
                self._bell.ring("vidijob_job")
                self._bell.ring("vidijob_step")
        return self._pause(min(_CHECK, self._look_again.total_seconds()))

    def _launch(self, lease: Lease) -> None:
        held = Held(lease.job, lease.step, lease.number)
        run = Run(lease, self._site, self._beats.wake)
        if not self._runs:
            # The beats may be asleep; a lease that was just taken lasts.
            self._next_beat = asyncio.get_running_loop().time() + _NEXT
            self._beats.wake()
        self._runs[held] = run
        self._told(lease)
        run.task = asyncio.create_task(self._carry_out(held, run), name=f"{run.job} step {lease.step}")

    async def _carry_out(self, held: Held, run: Run) -> None:
        if is_tracked():
            async with tracked(self._database, run) as entry:
                outcome = await self._outcome(run)
                tell(entry, outcome)
        else:
            JOB.set(run.job)
            outcome = await self._outcome(run)
        match run.fate:
            case Fate.LOST:
                _log.warning("step %d of job %d: the lease was lost; given up", held.step, held.job)
                metrics.LEASES_LOST.add()
                self._runs.pop(held, None)
                self._claims.wake()
            case Fate.HAND_BACK:
                pass  # stop() hands it back with all the others
            case Fate.STOPPED:
                self._reports.put(endings.stopped(held, run))
            case None if isinstance(outcome, Vanished):
                await self._abandon(held, run, outcome.reason)
            case None:
                self._reports.put(endings.answered(held, run, outcome))
            case _:
                assert_never(run.fate)

    async def _outcome(self, run: Run) -> Outcome:
        """Return what the executor answers; whatever goes wrong with it is an outcome as well."""
        if run.hold.doom is not None:
            return Fail(run.hold.doom)
        clock: asyncio.Timeout | None = None
        try:
            if not self._registry.has(run.hold.executor, run.method):
                return Fail(f"This worker has no method {run.method} of the executor {run.hold.executor}.")
            executor = self._registry.get(run.hold.executor)
            # On a cluster it may have to queue first, which takes none of its time.
            placed = placement.is_placed(run.hold.executor)
            limit = None if placed else policy.retry_policy(run.hold.metadata).timeout
            if limit is None:
                return checked(await executor.run(run))
            clock = asyncio.timeout(limit.total_seconds())
            async with clock:
                return checked(await executor.run(run))
        except asyncio.CancelledError:
            return Fail("Cancelled." if run.fate is not None else "A bug in the executor: it cancelled itself.")
        except Exception as error:
            if isinstance(error, TimeoutError) and clock is not None and clock.expired():
                return Retry("It took longer than the time that the step has.")
            _log.exception("step %d of job %s: a bug in its executor", run.step, run.job)
            return Fail("A bug in the executor: " + traceback.format_exc(limit=-5))

    async def _abandon(self, held: Held, run: Run, reason: str) -> None:
        """Let the lease of a step run out, as if this worker had vanished with it."""
        run.note(reason)
        try:
            await promptly(store_told(self._database, {held: run}))
        except Unavailable as error:
            _log.warning("step %d of job %d: what it told last is lost: %s", held.step, held.job, error)
        _log.warning("step %d of job %d: it has vanished: %s", held.step, held.job, reason)
        self._runs.pop(held, None)
        self._claims.wake()
