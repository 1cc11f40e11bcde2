"""Reports how attempts ended, many in one transaction, and again until each report was taken. It knows no executor.

An end whose job somebody else has locked is left for a little later: the others do not wait with it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Protocol

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop
from vidijob.errors import Unavailable
from vidijob.jobs.model import JobId, Lease
from vidijob.jobs.states import StepState
from vidijob.store import direct, steps
from vidijob.store.database import Database
from vidijob.store.direct import Offer
from vidijob.store.steps import End, Held

_log = logging.getLogger(__name__)

_MOST = 128
#: When so many wait while some are being stored, they are stored beside these.
_MANY = 48
#: Before another attempt for those whose jobs are locked, in seconds; it doubles.
_FIRST_PATIENCE = 0.01
_LONGEST_PATIENCE = 0.5
#: How long a worker that stops goes on with it.
_LAST_PATIENCE = 2.0
_ASLEEP = 3600.0
_UNSTORABLE = "The outcome of the step could not be stored; the worker's log says why."


class Hands(Protocol):
    """The worker that carries the steps out."""

    def offering(self, ending: int) -> AbstractContextManager[Offer]:
        """Offer to take steps in the place of so many that end."""

    def begin(self, leases: Sequence[Lease]) -> None:
        """Carry out steps that it was given."""

    def forget(self, held: Held) -> None:
        """Have done with a step: its end was stored, or does not count."""


class Reports:
    """What has ended and is not stored yet."""

    def __init__(self, database: Database, bell: Bell, hands: Hands, *, look_again: timedelta) -> None:
        self._database = database
        self._bell = bell
        self._hands = hands
        self._look_again = look_again
        self._ends: dict[Held, End] = {}
        #: Those of jobs that were locked.
        self._busy: set[Held] = set()
        #: Those that can only be stored step by step.
        self._indirect: set[Held] = set()
        self._patience = _FIRST_PATIENCE
        self._one_by_one = 0
        #: Jobs of which an end is being stored with what follows on it.
        self._under_way: set[JobId] = set()
        self._loop = Loop("reports", self.tick)
        self._beside = Loop("reports beside", self._tick_beside)

    def start(self) -> None:
        """Begin to report."""
        self._loop.start()
        self._beside.start()

    async def stop(self) -> None:
        """Report what is left, but for what stays locked."""
        await self._beside.stop()
        await self._loop.stop()
        now = asyncio.get_running_loop().time
        end = now() + _LAST_PATIENCE
        while True:
            pause = await self.tick()
            if pause >= _ASLEEP or now() > end:
                return
            await asyncio.sleep(pause)

    def put(self, end: End) -> None:
        """Have an end reported."""
        self._ends[end.held] = end
        self._loop.wake()
        if len(self._ends) - len(self._under_way) >= _MANY:
            self._beside.wake()

    def __contains__(self, held: Held) -> bool:
        """Tell whether an end is not stored yet."""
        return held in self._ends

    def takes(self, held: Held) -> bool:
        """Tell whether an end is about to be stored; the lease of one that is put off has to be kept."""
        return held in self._ends and held not in self._busy

    async def tick(self) -> float:
        """Report all that can be; returns the seconds until it is worth another attempt."""
        await self._go_on()
        busy: set[Held] = set()
        while free := [end for held, end in self._ends.items() if held not in busy and held.job not in self._under_way]:
            ends = free[: 1 if self._one_by_one else _MOST]
            try:
                ended = await steps.end(self._database, ends, check_again=self._look_again)
            except Unavailable:
                raise
            except Exception:
                self._isolate(ends)
                continue
            self._one_by_one = max(self._one_by_one - 1, 0)
            busy |= ended.busy
            for end in ends:
                if end.held in ended.busy:
                    continue
                if end.held not in ended.accepted:
                    _log.warning("step %d of job %d: the lease was lost; its outcome does not count", *_name(end.held))
                self._forget(end.held)
            self._tell(ends, any(held.job not in ended.over for held in ended.accepted), ended.over)
        self._patience = min(2 * self._patience, _LONGEST_PATIENCE) if busy else _FIRST_PATIENCE
        self._busy = busy
        return self._patience if busy else _ASLEEP

    async def _tick_beside(self) -> float:
        try:
            await self._go_on(least=_MANY)
        finally:
            # What is left is for the other one, however little it is.
            self._loop.wake()
        return _ASLEEP

    async def _go_on(self, least: int = 1) -> None:
        """Store the ends after which their jobs go on, or are over, in one statement, if there are so many at least; the
        others are left.
        """
        while not self._one_by_one:
            among: dict[JobId, End] = {}
            for held, end in self._ends.items():
                if held in self._indirect or held.job in self._under_way or not direct.may_be(end):
                    continue
                among.setdefault(held.job, end)
                if len(among) == _MOST:
                    break
            ends = list(among.values())
            if len(ends) < least:
                return
            self._under_way |= among.keys()
            try:
                await self._store(ends)
            finally:
                self._under_way -= among.keys()

    async def _store(self, ends: Sequence[End]) -> None:
        with self._hands.offering(len(ends)) as offer:
            try:
                ended = await direct.end(self._database, ends, offer)
            except Unavailable:
                raise
            except Exception:
                # One by one they are stored, or found out; by other statements, so that a bug in this one would be hidden.
                _log.exception("ends of %d steps: they are stored one by one", len(ends))
                self._one_by_one = len(ends)
                return
            for end in ends:
                if end.held in ended.accepted:
                    self._forget(end.held)
                else:
                    self._indirect.add(end.held)
            self._hands.begin(ended.leases)
        self._tell([], ended.queued, ended.over)
        if ended.leases:
            self._bell.ring("vidijob_event")

    def _tell(self, ends: Sequence[End], queued: bool, over: Sequence[JobId]) -> None:
        if queued:
            # Steps that waited for it, another try, clean-up; of a job that is over there is nothing to come.
            self._bell.ring("vidijob_step")
        if any(end.state is StepState.FAILED_FATAL for end in ends):
            # A critical failure stops the steps beside it.
            self._bell.ring("vidijob_stop")
        if over or any(end.state is StepState.WAITING for end in ends):
            self._bell.ring("vidijob_job")
        for delay in {end.delay for end in ends if end.delay}:
            asyncio.get_running_loop().call_later(delay.total_seconds(), self._bell.ring, "vidijob_step")

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
        self._indirect.discard(held)
        self._hands.forget(held)


def _name(held: Held) -> tuple[int, int]:
    return held.step, held.job
