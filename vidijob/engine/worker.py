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
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import assert_never
from uuid import uuid4

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop, promptly
from vidijob.engine.reports import Reports
from vidijob.engine.run import Fate, Run, checked
from vidijob.engine.telling import store_told
from vidijob.engine.traces import traces
from vidijob.engine.tracking import tell, tracked
from vidijob.executors.base import Done, Fail, Outcome, Retry, Wait
from vidijob.executors.registry import Registry
from vidijob.jobs import policy, resources
from vidijob.jobs.model import Lease, WorkerId
from vidijob.jobs.resources import Resources
from vidijob.jobs.states import StepState
from vidijob.observability import metrics
from vidijob.store import problems, steps, workers
from vidijob.store.database import Database
from vidijob.store.steps import End, Held

_log = logging.getLogger(__name__)

#: A lease runs out so long after it was last extended.
LEASE = timedelta(seconds=10)
_BEAT = 1.0
#: Whatever wakes the beats, no lease is extended again sooner, unless it may be that a step is to stop.
_NEXT = 0.75
_PRESENCE = 90.0
_POLL = 2.0
_CHECK = 15.0
#: While a worker hears it looks unasked only when it says that it is there.
_SELDOM = 3600.0
#: How long an executor has to end when its worker stops, in seconds.
_FAREWELL = 10.0
#: Urgent steps (clean-up, IMMEDIATE) are taken beyond the slots, up to so many at once.
_URGENT = 64
#: Steps taken by one statement, at most.
_MOST = 128


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
        self._reports = Reports(database, bell, self._forget, look_again=look_again)
        self._entered = False
        self._next_presence = 0.0
        self._next_beat = 0.0
        self._claims = Loop("claims", self.claim)
        self._beats = Loop("beats", self.beat)
        self._checks = Loop("checks", self.check)
        bell.on("vidijob_step", self._claims.wake)
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
        while not self._drained:
            free = self._slots - len(self._runs)
            room = min(free, _MOST) if free > 0 else min(_URGENT - len(self._runs) + self._slots, 8)
            if room <= 0:
                return self._pause(_POLL)
            leases = await steps.claim(
                self._database,
                self.id,
                self._registry.names,
                limit=room,
                urgent_only=free <= 0,
                duration=LEASE,
                short=self._registry.short,
                left=resources.left(self._offers, (run.hold.needs for run in self._runs.values())),
            )
            for lease in leases:
                self._launch(lease)
            if leases:
                # That steps have begun may be told to somebody.
                self._bell.ring("vidijob_event")
            # One that needs resources comes alone, since it changes what is left.
            if len(leases) < room and not any(lease.needs for lease in leases):
                return self._pause(_POLL)
        return self._pause(_POLL)

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
            self._next_presence = now + _PRESENCE * (1 if self._entered else random.random())
            self._entered = True
            if word.drained is not self._drained:
                self._drained = word.drained
                _log.info("drained: it takes no more steps" if word.drained else "it takes steps again")
                self._claims.wake()
            if word.ready:
                self._claims.wake()

    def _forget(self, held: Held) -> None:
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
        async with tracked(self._database, run) as entry:
            outcome = await self._outcome(run)
            tell(entry, outcome)
        match run.fate:
            case Fate.LOST:
                _log.warning("step %d of job %d: the lease was lost; given up", held.step, held.job)
                metrics.LEASES_LOST.add()
                self._runs.pop(held, None)
                self._claims.wake()
            case Fate.HAND_BACK:
                pass  # stop() hands it back with all the others
            case Fate.STOPPED:
                self._end(held, run, StepState.FAILED_FATAL, "Stopped: the job was aborted or has failed.")
            case None:
                self._conclude(held, run, outcome)
            case _:
                assert_never(run.fate)

    async def _outcome(self, run: Run) -> Outcome:
        """Return what the executor answers; whatever goes wrong with it is an outcome as well."""
        if run.hold.doom is not None:
            return Fail(run.hold.doom)
        clock = asyncio.timeout(None)
        try:
            if not self._registry.has(run.hold.executor, run.method):
                return Fail(f"This worker has no method {run.method} of the executor {run.hold.executor}.")
            executor = self._registry.get(run.hold.executor)
            limit = policy.retry_policy(run.hold.metadata).timeout
            clock = asyncio.timeout(limit.total_seconds() if limit is not None else None)
            async with clock:
                return checked(await executor.run(run))
        except asyncio.CancelledError:
            return Fail("Cancelled." if run.fate is not None else "A bug in the executor: it cancelled itself.")
        except Exception as error:
            if isinstance(error, TimeoutError) and clock.expired():
                return Retry("It took longer than the time that the step has.")
            _log.exception("step %d of job %s: a bug in its executor", run.step, run.job)
            return Fail("A bug in the executor: " + traceback.format_exc(limit=-5))

    def _conclude(self, held: Held, run: Run, outcome: Outcome) -> None:
        lease = run.hold
        match outcome:
            case Done(data):
                self._end(held, run, StepState.FINISHED, data=data)
            case Wait(type, about, reason, changes) if not lease.cleanup:
                self._end(held, run, StepState.WAITING, reason, data=changes, problem=(type, about))
            # Clean-up does not wait: the end of the job would wait with it.
            case Retry(reason, changes) | Wait(_, _, reason, changes) if (
                lease.retries < (rules := policy.retry_policy(lease.metadata)).retries
            ):
                delay = policy.retry_delay(rules, lease.retries, random.Random())
                self._end(held, run, StepState.FAILED_RETRY, reason, data=changes, delay=delay)
            case Retry(reason, changes) | Fail(reason, changes) | Wait(_, _, reason, changes):
                self._end(held, run, StepState.FAILED_FATAL, reason, data={**changes, "errorMessage": [reason]})
            case _:
                assert_never(outcome)

    def _end(
        self,
        held: Held,
        run: Run,
        state: StepState,
        reason: str | None = None,
        *,
        data: Mapping[str, Sequence[str] | None] = MappingProxyType({}),
        delay: timedelta = timedelta(),
        problem: tuple[str, Mapping[str, str]] | None = None,
    ) -> None:
        lease = run.hold
        metrics.STEP_SECONDS.add(lease.job_type, lease.executor, state.value, seconds=run.seconds)
        divided = run.sub_tasks
        if divided is not None:
            divided.close(state)
        self._reports.put(
            End(
                held,
                state,
                error=reason,
                data={**run.said(), **data, **traces(run, state, reason)},
                delay=delay,
                problem=problem,
                progress=run.told(),
                notes=run.take_notes(),
                total_sub_tasks=divided.total if divided is not None else None,
                sub_tasks=divided.told() if divided is not None else (),
            )
        )
