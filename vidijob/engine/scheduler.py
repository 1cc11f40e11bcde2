"""Admits jobs: READY → STARTED, by priority, then age, within the limits. One scheduler leads at a time; what a stale one
does has no effect. It knows no executor.

The limits are those that administrators configured, else the setting; they are read anew every second, and the slots in
the database are arranged by them, by the same loop that fills them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from typing import Protocol
from uuid import uuid4

from vidijob.engine.bell import Bell
from vidijob.engine.choices import Choices
from vidijob.engine.heads import EVERY, Heads
from vidijob.engine.loop import Loop, promptly
from vidijob.engine.seats import Seats
from vidijob.jobs import policy, pools
from vidijob.jobs.model import JobId, Lease, Priority
from vidijob.jobs.policy import Admission, Slot
from vidijob.store import admissions, limits, slots, workers
from vidijob.store.arrivals import Arrived, Opening
from vidijob.store.database import Database
from vidijob.store.direct import NO_OFFER, Offer

_log = logging.getLogger(__name__)

#: Leadership ends so long after it was last renewed: the longest pause when a leader is killed.
TERM = timedelta(seconds=3.5)
_RENEWAL = 1.0
#: So often a leader rings for nothing, in seconds, so that all who listen know that they would hear.
_PULSE = 4.0
#: So often it looks unasked while it hears: for what a process committed that was killed before it could ring.
_IDLE = 20.0
_ARRANGED = 0.75
#: It does not look more often unasked.
_SHORTEST = 0.6
#: Of its time, at most so much may go into reading all slots, as long as they are read at least so often, in seconds.
_READING, _SELDOM = 0.05, 0.9
#: Jobs started by one statement, at most: while it starts some, the steps of those before them are carried out and end.
_MOST = 64
#: So many of these statements at a time: one is carried out while what another has answered is taken in.
_AT_ONCE = 2
#: So soon it looks again whether jobs are still locked by somebody else, in seconds.
_BUSY = 0.5
#: A job that has no number yet.
_COMING = JobId(0)


class Hands(Protocol):
    """A worker of the same process."""

    def offering(self, *, most: int | None = None) -> AbstractContextManager[Offer]:
        """Offer to take steps, at most so many, and keep the room for them meanwhile."""

    def begin(self, leases: Sequence[Lease]) -> None:
        """Carry out steps that it was given."""


class Scheduler:
    """Stands for election, and admits jobs while it leads."""

    def __init__(
        self,
        database: Database,
        bell: Bell,
        *,
        concurrent_jobs: int,
        ageing: timedelta | None = None,
        told: Callable[[Collection[JobId]], None] = lambda _: None,
    ) -> None:
        """``told`` hears which jobs were started."""
        self._database = database
        self._bell = bell
        self._concurrent_jobs = concurrent_jobs
        self._told = told
        #: Whether nothing was left waiting when it looked last.
        self._rests = False
        self._id = uuid4()
        self._term: int | None = None
        self._arrange_at = 0.0
        self._pulse_at = 0.0
        self._seats = Seats(database)
        self._heads = Heads(database)
        self._choices = Choices(database, self._heads, self._seats, ageing)
        self._hands: Hands | None = None
        #: The version of the rules that it admits by.
        self._rules: int | None = None
        self._elections = Loop("election", self._stand)
        self._admissions = Loop("scheduler", self.tick)
        bell.on("vidijob_job", self._admissions.wake)
        bell.at_home("vidijob_job", lambda: self.leads)

    def employ(self, hands: Hands) -> None:
        """Give steps that begin to a worker of this process at once, as far as it offers to take them."""
        self._hands = hands

    @property
    def leads(self) -> bool:
        """Tell whether this scheduler believes to lead; only the database knows."""
        return self._term is not None

    def start(self) -> None:
        """Stand for election from now on."""
        self._elections.start()
        self._admissions.start()

    async def stop(self) -> None:
        """Admit no more and let another lead at once."""
        await self._admissions.stop()
        await self._elections.stop()
        if self._term is not None:
            self._term = None
            await workers.resign(self._database, "scheduler", self._id)

    async def _stand(self) -> float:
        try:
            term = await promptly(workers.campaign(self._database, "scheduler", self._id, TERM))
        except BaseException:
            self._term = None
            raise
        new = term is not None and term != self._term
        self._term = term
        if new:
            _log.info("leading in term %d", term)
            self._arrange_at = 0.0
            self._admissions.wake()
        if term is not None and time.monotonic() >= self._pulse_at:
            self._pulse_at = time.monotonic() + _PULSE
            self._bell.ring("vidijob_pulse")
        return _RENEWAL

    async def tick(self) -> float:
        """Admit what can be admitted; returns the seconds until it is worth another look unasked."""
        self._rests = False
        self._seats.begin()
        #: Jobs that somebody else has locked: the others go on.
        busy: set[JobId] = set()
        current = emptied = False
        while True:
            term = self._term
            if term is None:
                return _RENEWAL
            if emptied:
                self._rests = True
                return self._pause(current)
            # Who changes the limits rings; they are read anew before the long sleep.
            current = time.monotonic() >= self._arrange_at
            remembers = self._choices.exhausted
            chosen = await self._choices.choose(self._id, term, await self._free(term, remembers), busy)
            if remembers and not self._choices.exhausted:
                # Others may be free besides those that are remembered.
                chosen = await self._choices.choose(self._id, term, await self._free(term, False), busy)
            if not chosen:
                if busy:
                    return _BUSY
                self._rests = self._choices.exhausted
                return self._pause(current)
            if not await self._admit_all(term, chosen, busy):
                # Perhaps they were chosen by rules that are not those of now.
                self._arrange_at = 0.0
                return 0.2
            # Whoever submits another one rings.
            emptied = self._choices.exhausted and not busy

    async def _admit_all(self, term: int, chosen: Sequence[Admission], busy: set[JobId]) -> bool:
        """Admit jobs, and note those that somebody else has locked; returns ``False``, and leaves the rest, where some were not
        started for another reason.
        """
        pages = deque(chosen[begin : begin + _MOST] for begin in range(0, len(chosen), _MOST))

        async def admit_pages() -> bool:
            while pages:
                page = pages.popleft()
                try:
                    # Room for the steps of the others is theirs; the last one may have all that is left.
                    found = await self._admit(term, page, most=len(page) if pages else None)
                except BaseException:
                    pages.clear()
                    raise
                if found is None:
                    pages.clear()
                    return False
                busy.update(found)
            return True

        # When one of two fails, the answer of the other counts nevertheless.
        answers = await asyncio.gather(
            *(admit_pages() for _ in range(min(_AT_ONCE, len(pages)))), return_exceptions=True
        )
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
        return all(answers)

    async def _admit(self, term: int, chosen: Sequence[Admission], *, most: int | None) -> frozenset[JobId] | None:
        """Admit jobs; returns those that somebody else has locked, ``None`` where some were not started for another reason."""
        with self._offering(most) as offer:
            try:
                admitted = await admissions.admit(
                    self._database, self._id, term, chosen, offer, self._rules, self._seats.tids()
                )
            except BaseException:
                # Perhaps they were filled.
                self._arrange_at = 0.0
                raise
            self._begun(admitted.started, admitted.leases, queued=admitted.queued)
        self._seats.fill(admitted.filled)
        return admitted.busy if len(admitted.started) + len(admitted.busy) == len(chosen) else None

    def _offering(self, most: int | None) -> AbstractContextManager[Offer]:
        return nullcontext(NO_OFFER) if self._hands is None else self._hands.offering(most=most)

    def _begun(self, started: Collection[JobId], leases: Sequence[Lease], *, queued: bool) -> None:
        if self._hands is not None:
            self._hands.begin(leases)
        if queued:
            self._bell.ring("vidijob_step")
        self._told(started)
        if leases:
            # That steps have begun may be told to somebody.
            self._bell.ring("vidijob_event")

    def opening(self, priority: Priority) -> Opening | None:
        """Return what a job of this priority would be admitted by if it came now; ``None`` where something may wait before it,
        where there is no room, and where that has to be found out.
        """
        if self._term is None or self._rules is None or not self._choices.plain:
            return None
        if priority is not Priority.IMMEDIATE and not self._is_current():
            return None
        chosen = policy.admissions([(_COMING, priority)], self._seats.free())
        if not chosen:
            return None
        slot = chosen[0].slot
        return Opening(self._id, self._term, self._rules, slot, self._heads.behind, self._seats.tids().get(slot or 0))

    def _is_current(self) -> bool:
        """Tell whether nothing waits and the slots are as they should be, as far as is known."""
        if not self._rests or self._admissions.is_woken:
            return False
        return time.monotonic() < self._arrange_at or (self._arrange_at > 0 and self._bell.hears)

    @contextmanager
    def filling(self, opening: Opening) -> Iterator[Offer]:
        """Keep an opening for a job that is on its way, and offer to take its steps."""
        try:
            with self._seats.keeping(opening.slot or 0), self._offering(None) as offer:
                yield offer
        except BaseException:
            # The job may be stored, and wait, or sit in the slot.
            self._arrange_at = 0.0
            self._bell.ring("vidijob_job")
            raise
        if not self._seats.free() or time.monotonic() >= self._arrange_at:
            # So that the next one finds an opening as well.
            self._admissions.wake()

    def filled(self, arrived: Arrived) -> None:
        """Take into account what has become of the job, and have the steps carried out that were taken."""
        self._heads.see(arrived.job)
        self._seats.fill(arrived.filled)
        self._begun([arrived.job] if arrived.started else [], arrived.leases, queued=arrived.queued)
        if not arrived.started:
            # The opening was found by what is not so any more.
            self._arrange_at = 0.0
            self._bell.ring("vidijob_job")

    def _pause(self, current: bool) -> float:
        if self._heads.partial:
            return EVERY
        if current and self._bell.hears:
            return _IDLE
        left = self._arrange_at - time.monotonic()
        # A loop may sleep a fifth less, and then the limits would not be read yet.
        return 1.25 * max(left, _SHORTEST) if left > 0 else _ARRANGED

    async def _free(self, term: int, remembers: bool) -> Sequence[Slot]:
        """Return the slots that may be filled, after they were brought to what is configured.

        That is done every moment, and each time while jobs run that the limits would not let in now: what such a job
        leaves is not for the next one. ``remembers``: those that were free before may do.
        """
        now = time.monotonic()
        if now < self._arrange_at:
            known = self._seats.free()
            if remembers and known:
                return known
            if await self._seats.look():
                return self._seats.free()
        stored = await limits.read(self._database)
        limit = self._concurrent_jobs if stored.concurrent_jobs is None else stored.concurrent_jobs
        change = pools.arrange(stored.seats, pools.levels(limit, stored.pools))
        moved: dict[int, str] = {}
        if change.kept_for or change.removed:
            moved = await slots.arrange(self._database, self._id, term, change.kept_for, change.removed)
        self._seats.know(stored, change, moved)
        self._rules = stored.rules
        self._choices.know(stored.groups, paused=stored.paused)
        taken = time.monotonic() - now
        self._arrange_at = now + min(max(_ARRANGED, taken / _READING), _SELDOM) if change.settled else 0.0
        return self._seats.free()
