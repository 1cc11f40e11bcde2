"""Carries steps out: claims them, keeps their leases, runs the executor, reports the outcome. It knows no ffmpeg and no
HTTP.

Three loops share the runs: *claims* fills free slots, *beats* keeps leases and tells progress, *reports* ends what has
ended, many in one transaction. A slot is free again only when the report was taken.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import traceback
from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import assert_never
from uuid import uuid4

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop, promptly
from vidijob.engine.run import Fate, Run, checked
from vidijob.engine.telling import store_told
from vidijob.engine.traces import traces
from vidijob.errors import Unavailable
from vidijob.executors.base import Done, Fail, Outcome, Retry, Wait
from vidijob.executors.registry import Registry
from vidijob.jobs import policy
from vidijob.jobs.model import Lease, WorkerId
from vidijob.jobs.states import StepState
from vidijob.store import problems, steps, workers
from vidijob.store.database import Database
from vidijob.store.steps import End, Held

_log = logging.getLogger(__name__)

#: A lease runs out so long after it was last extended.
LEASE = timedelta(seconds=10)
_BEAT = 1.0
_PRESENCE = 15.0
_POLL = 2.0
_CHECK = 15.0
#: How long an executor has to end when its worker stops, in seconds.
_FAREWELL = 10.0
_UNSTORABLE = "The outcome of the step could not be stored; the worker's log says why."
#: Urgent steps (clean-up, IMMEDIATE) are taken beyond the slots, up to so many at once.
_URGENT = 64


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
        look_again: timedelta = steps.CHECK_AGAIN,
    ) -> None:
        """``look_again`` passes between two looks at what jobs wait for."""
        self.id = WorkerId(uuid4())
        self._database = database
        self._bell = bell
        self._registry = registry
        self._slots = slots
        self._site = site
        self._look_again = look_again
        self._runs: dict[Held, Run] = {}
        self._ends: dict[Held, End] = {}
        self._one_by_one = 0
        self._next_presence = 0.0
        self._claims = Loop("claims", self.claim)
        self._beats = Loop("beats", self.beat)
        self._reports = Loop("reports", self.report)
        self._checks = Loop("checks", self.check)
        bell.on("vidijob_step", self._claims.wake)
        bell.on("vidijob_stop", self._beats.wake)

    def start(self) -> None:
        """Begin to take steps."""
        for loop in (self._beats, self._reports, self._claims, self._checks):
            loop.start()

    async def stop(self) -> None:
        """Take no more, end what runs, and hand it back so that another may run it."""
        await self._claims.stop()
        await self._checks.stop()
        for run in self._runs.values():
            run.cancel(Fate.HAND_BACK)
        tasks = [run.task for run in self._runs.values() if run.task is not None]
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=_FAREWELL)
            for task in stubborn:
                _log.error("%s: a bug in its executor: it does not let itself be cancelled", task.get_name())
        await self._reports.stop()
        await self._beats.stop()
        await self.report()
        if self._runs:
            await steps.give_back(self._database, list(self._runs), self.id)
            self._bell.ring("vidijob_step")
        await workers.leave(self._database, self.id)

    async def claim(self) -> float:
        """Take steps while there is room for them."""
        while True:
            free = self._slots - len(self._runs)
            room = min(free, 32) if free > 0 else min(_URGENT - len(self._runs) + self._slots, 8)
            if room <= 0:
                return _POLL
            leases = await steps.claim(
                self._database,
                self.id,
                self._registry.names,
                limit=room,
                urgent_only=free <= 0,
                duration=LEASE,
                short=self._registry.short,
            )
            for lease in leases:
                self._launch(lease)
            if len(leases) < room:
                return _POLL

    async def beat(self) -> float:
        """Extend the leases, store progress and notes, and act on what the answer says."""
        running = {held: run for held, run in self._runs.items() if held not in self._ends}
        if running:
            told = {held: run.told() for held, run in running.items()}
            kept = await promptly(steps.extend(self._database, told, LEASE))
            for held, run in running.items():
                if held not in kept and held not in self._ends:
                    run.cancel(Fate.LOST)
                elif kept.get(held):
                    run.cancel(Fate.STOPPED)
            mine = {held: run for held, run in running.items() if held in kept}
            if await promptly(store_told(self._database, mine)):
                self._bell.ring("vidijob_step")
        await self._be_present()
        return _BEAT if self._runs else _PRESENCE

    async def _be_present(self) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._next_presence:
            await workers.beat(
                self._database,
                self.id,
                host=socket.gethostname(),
                pid=os.getpid(),
                executors=self._registry.names,
                slots=self._slots,
            )
            self._next_presence = now + _PRESENCE

    async def report(self) -> float:
        """End all attempts that have ended, in one transaction."""
        while self._ends:
            ends = list(self._ends.values())[: 1 if self._one_by_one else 200]
            try:
                accepted, over = await steps.end(self._database, ends, check_again=self._look_again)
            except Unavailable:
                raise
            except Exception:
                self._isolate(ends)
                continue
            self._one_by_one = max(self._one_by_one - 1, 0)
            for end in ends:
                if end.held not in accepted:
                    _log.warning("step %d of job %d: the lease was lost; its outcome does not count", *_name(end.held))
                self._forget(end.held)
            self._bell.ring("vidijob_step")
            # A critical failure stops the steps beside it; clean-up and the next jobs are due.
            self._bell.ring("vidijob_stop")
            if over:
                self._bell.ring("vidijob_job")
        return 3600

    def _isolate(self, ends: list[End]) -> None:
        """Find the one end of a batch that cannot be stored, and end its attempt in words of our own."""
        if len(ends) > 1:
            self._one_by_one = len(ends)
            return
        (end,) = ends
        _log.exception("step %d of job %d: its outcome cannot be stored", *_name(end.held))
        if end.error == _UNSTORABLE:
            # Not even that: the lease runs out, and another tries.
            self._forget(end.held)
        else:
            self._ends[end.held] = End(
                end.held, StepState.FAILED_FATAL, error=_UNSTORABLE, data={"errorMessage": [_UNSTORABLE]}
            )

    def _forget(self, held: Held) -> None:
        self._ends.pop(held, None)
        self._runs.pop(held, None)

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
        return min(_CHECK, self._look_again.total_seconds())

    def _launch(self, lease: Lease) -> None:
        held = Held(lease.job, lease.step, lease.number)
        run = Run(lease, self._site, self._beats.wake)
        self._runs[held] = run
        run.task = asyncio.create_task(self._carry_out(held, run), name=f"{run.job} step {lease.step}")
        self._beats.wake()

    async def _carry_out(self, held: Held, run: Run) -> None:
        outcome = await self._outcome(run)
        match run.fate:
            case Fate.LOST:
                _log.warning("step %d of job %d: the lease was lost; given up", *_name(held))
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
            case Wait(type, data, reason) if not lease.cleanup:
                self._end(held, run, StepState.WAITING, reason, problem=(type, data))
            # Clean-up does not wait: the end of the job would wait with it.
            case Retry(reason) | Wait(_, _, reason) if (
                lease.retries < (rules := policy.retry_policy(lease.metadata)).retries
            ):
                delay = policy.retry_delay(rules, lease.retries, random.Random())
                self._end(held, run, StepState.FAILED_RETRY, reason, delay=delay)
            case Retry(reason) | Fail(reason) | Wait(_, _, reason):
                self._end(held, run, StepState.FAILED_FATAL, reason, data={"errorMessage": [reason]})
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
        divided = run.sub_tasks
        if divided is not None:
            divided.close(state)
        self._ends[held] = End(
            held,
            state,
            error=reason,
            data={**traces(run, state, reason), **data},
            delay=delay,
            problem=problem,
            progress=run.told(),
            notes=run.take_notes(),
            total_sub_tasks=divided.total if divided is not None else None,
            sub_tasks=divided.told() if divided is not None else (),
        )
        self._reports.wake()


def _name(held: Held) -> tuple[int, int]:
    return held.step, held.job
