"""What happens, told as it happens to whoever looks on: one reader of the event log in each process, however many look.

It reads what can be seen at once, also while an older transaction is open: each look tells what could not be seen in the
snapshot of the one before, so that nothing is told twice nor passed over. It knows no page and no HTTP.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from vidijob.engine.bell import Bell
from vidijob.engine.follower import CHANNELS, Follower
from vidijob.jobs.model import JobId, Progress, StepNumber
from vidijob.store import feed
from vidijob.store.database import Database
from vidijob.store.feed import Event

_log = logging.getLogger(__name__)

#: Between two looks however often it is woken, in seconds: what happens meanwhile goes together.
_PAUSE = 0.1
#: Between two looks unasked, and between two looks at the progress.
_POLL = 1.0
#: More than this in one look are not told one by one.
_MOST_EVENTS = 2000
_MOST_STEPS = 1000
#: How little progress, as a part of the whole, is not worth a word.
_LEAST = 0.001
_IDLE = 3600.0


@dataclass(frozen=True, slots=True)
class Happening:
    """What was seen in one look."""

    #: In the order in which they happened.
    events: Sequence[Event] = ()
    #: How far steps are by now, those that got any further.
    progress: Sequence[tuple[JobId, StepNumber, Progress]] = ()
    #: There was more than can be told: whoever looks on has to look at everything again.
    flood: bool = False


Hear = Callable[[Happening], None]


class Feed(Follower):
    """Looks at the log while somebody looks on."""

    def __init__(self, database: Database, bell: Bell) -> None:
        super().__init__("feed", bell, [*CHANNELS, "vidijob_stop"], pause=_PAUSE)
        self._database = database
        self._hearers: list[Hear] = []
        #: What was seen at the last look; ``None``: nobody looks on.
        self._seen: str | None = None
        self._progress: dict[tuple[JobId, StepNumber], Progress] = {}
        self._measured_at = float("-inf")

    async def listen(self, hear: Hear) -> Callable[[], None]:
        """Call ``hear`` with everything that happens after this has returned; the answer ends that."""
        self._hearers.append(hear)
        try:
            if self._seen is None:
                await self._mark()
        except BaseException:
            self._hearers.remove(hear)
            raise
        self._loop.wake()

        def leave() -> None:
            self._hearers.remove(hear)
            self._forget()

        return leave

    def _forget(self) -> None:
        """Read no further where nobody listens: whoever comes next is not told what happened meanwhile."""
        if not self._hearers:
            self._seen = None

    async def _mark(self) -> str:
        """Begin to read here, unless that was begun meanwhile; returns where."""
        here = await feed.snapshot(self._database)
        if self._seen is None:
            self._seen = here
        return self._seen

    async def look(self, now: float) -> float:
        """Tell what happened since the last look; returns the seconds until it is worth another look unasked."""
        if not self._hearers:
            return _IDLE
        happening = await self._happening(now)
        self._forget()
        if happening.events or happening.progress or happening.flood:
            for hear in list(self._hearers):
                hear(happening)
        return _POLL

    async def _happening(self, now: float) -> Happening:
        since = self._seen if self._seen is not None else await self._mark()
        found, self._seen = await feed.visible(self._database, since, _MOST_EVENTS)
        flood = len(found) == _MOST_EVENTS
        if now < self._measured_at + _POLL * 0.7:
            return Happening(found, (), flood)
        self._measured_at = now
        return Happening(found, await self._measure(), flood)

    async def _measure(self) -> list[tuple[JobId, StepNumber, Progress]]:
        before, self._progress = self._progress, await feed.progress(self._database, _MOST_STEPS)
        return [
            (job, step, progress)
            for (job, step), progress in self._progress.items()
            if _moved(before.get((job, step)), progress)
        ]


def _moved(before: Progress | None, now: Progress) -> bool:
    if before is None or before.total != now.total or before.unit != now.unit:
        return True
    return abs(now.value - before.value) >= _LEAST * (now.total or 1)
