"""Who is to be admitted: the first in the queue, by priority, then age, for whom there is a slot, and a place in their task group
where that has a limit. It starts nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from vidijob.engine.heads import Heads
from vidijob.engine.seats import Seats
from vidijob.jobs import policy
from vidijob.jobs.model import JobId, Priority
from vidijob.jobs.policy import Admission, Slot
from vidijob.jobs.task_groups import Selection, TaskGroup, data_keys
from vidijob.store import admissions, slots, task_groups
from vidijob.store.database import Database

#: Jobs looked at beyond the free slots; those of priority IMMEDIATE come first and need none.
_LOOK_AHEAD = 64
#: Where task groups have limits, so many jobs are looked at in one go, however many of them have to be passed over.
_PAGE = 1000


class Choices:
    """Chooses from the queue of one database."""

    def __init__(self, database: Database, heads: Heads, seats: Seats, ageing: timedelta | None) -> None:
        """``ageing``: so long a job waits for its priority to count as the next higher one; ``None``: it never does."""
        self._database = database
        self._heads = heads
        self._seats = seats
        self._ageing = ageing
        self._paused = False
        self._groups: Sequence[TaskGroup] = ()
        #: Whether the last choice took all that is queued.
        self.exhausted = False

    @property
    def plain(self) -> bool:
        """Tell whether nothing but slots limits who is chosen."""
        return not self._paused and not any(group.limited for group in self._groups)

    def know(self, groups: Sequence[TaskGroup], *, paused: bool) -> None:
        """Choose by these rules from now on; ``paused``: nobody."""
        self._groups = groups
        self._paused = paused

    async def choose(self, holder: UUID, term: int, free: Sequence[Slot], busy: Collection[JobId]) -> list[Admission]:
        """Return who is to be admitted by who leads in a term, of those that are not busy."""
        if self._paused:
            self.exhausted = False
            return []
        if self.plain:
            wanted = len(free) + _LOOK_AHEAD + len(busy)
            head = await self._head(wanted)
            chosen = policy.admissions([one for one in head if one[0] not in busy], free)
            self.exhausted = len(chosen) == len(head) < wanted
            return chosen
        self.exhausted = False
        places, moved = await slots.vacate(self._database, holder, term)
        self._seats.move(moved)
        selection = Selection(self._groups, free, places)
        # Without ageing one priority after the other; with it all that can grow into each other at once.
        others = [priority for priority in reversed(Priority) if priority is not Priority.IMMEDIATE]
        rounds = [others] if self._ageing is not None else [[priority] for priority in others]
        await self._offer(selection, [Priority.IMMEDIATE], busy)
        for priorities in rounds:
            await self._offer(selection, priorities, busy)
        return selection.chosen

    async def _head(self, limit: int) -> list[tuple[JobId, Priority]]:
        if self._ageing is None:
            return await self._heads.read(limit)
        ordered = policy.in_order(await admissions.heads(self._database, limit), self._ageing)
        return [(job.job, job.priority) for job in ordered]

    async def _offer(self, selection: Selection, priorities: Sequence[Priority], busy: Collection[JobId]) -> None:
        """Offer the queued jobs of some priorities, as long as there is room for them."""
        keys = data_keys(self._groups)
        after = dict.fromkeys(priorities, task_groups.FIRST)
        while after and len(selection.chosen) < _PAGE:
            found = []
            for priority in list(after):
                page = (
                    await task_groups.candidates(self._database, priority, after[priority], _PAGE, keys)
                    if selection.has_room(priority)
                    else []
                )
                if len(page) < _PAGE:
                    del after[priority]
                else:
                    after[priority] = page[-1].weight, page[-1].job
                found += page
            for job in policy.in_order(found, self._ageing):
                if job.job not in busy:
                    selection.offer(job)
