"""Random operations on the outbox, against a real Postgres: jobs end in transactions that stay open for a while, notifiers
read on page by page and are killed between two, senders take lanes, lose them, and are killed at each point of a call; jobs
are deleted as soon as they may be. ``drain`` then lets everything be told; two receivers say what they were told.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta

from tests.faults import telling
from tests.faults.telling import Told
from vidijob.access import ROLES, User
from vidijob.engine.bell import Bell
from vidijob.engine.commands import Commands
from vidijob.engine.external_ids import ExternalIds
from vidijob.engine.notifications import Notifications
from vidijob.engine.notifier import Notifier
from vidijob.errors import NotFound, TransitionRefused
from vidijob.jobs.deliveries import LaneHold, Letter, Reply
from vidijob.jobs.graph import PlannedStep, plan
from vidijob.jobs.model import Job, JobId, Priority, StepNumber, TaskDefinition
from vidijob.jobs.notifications import (
    Change,
    Definition,
    HttpAction,
    Notification,
    NotificationRequest,
    Place,
    Scope,
    Trigger,
)
from vidijob.jobs.states import JobState
from vidijob.store import deliveries, jobs
from vidijob.store.database import Database, Session
from vidijob.store.jobs import NewJob

LONG = timedelta(seconds=600)
_ADMIN = User("admin", frozenset(ROLES))
_PLAN = plan([TaskDefinition(StepNumber(100), "only", "test", "work")])
_RECEIVERS = ("http://receiver.example/one", "http://receiver.example/other")
_CLEAR = """
DELETE FROM notification; DELETE FROM delivery; DELETE FROM lane; DELETE FROM slot;
DELETE FROM job_queue; DELETE FROM step_queue; DELETE FROM lease; DELETE FROM step; DELETE FROM earlier_attempt;
DELETE FROM sub_task; DELETE FROM job; DELETE FROM event;
UPDATE event_cursor SET tx = pg_current_xact_id(), until_tx = NULL, after_id = NULL"""
_LANELESS = (
    "SELECT count(*) FROM delivery d WHERE ended_at IS NULL AND NOT EXISTS (SELECT FROM lane l WHERE l.id = d.lane)"
)
_PENDING = "SELECT count(*) FROM delivery WHERE ended_at IS NULL"
_LANES = "SELECT count(*) FROM lane"


class Untold(AssertionError):
    """Somebody was not told what he is to be told."""


@dataclass
class Served:
    """A lane that some sender believes to hold, rightly or not any more, and what it is about to do."""

    hold: LaneHold
    #: What it sends; ``None``: it found the lane empty, or has not looked.
    letter: Letter | None = None
    #: Whether it found the lane empty.
    empty: bool = False


def _compose(
    notification: Notification, change: Change, job: Job, request: NotificationRequest, sequence: int
) -> Sequence[tuple[str, str]]:
    return [("job", str(job.id))]


async def _plan(_: str) -> Sequence[PlannedStep]:
    return _PLAN


class Outbox:
    """The outbox, and all who have to do with it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        bell = Bell(database)
        self._commands = Commands(database, bell, _plan, "VX")
        self._notifications = Notifications(database, bell, ExternalIds(database, "VX"), "VX")
        self._notifier = Notifier(database, bell, _compose)
        self._made: list[JobId] = []
        self._ended: set[str] = set()
        #: Transactions in which a job has ended that nobody else sees yet.
        self._open: list[tuple[JobId, AbstractAsyncContextManager[Session]]] = []
        self._served: list[Served] = []
        self._told: dict[str, list[Told]] = {url: [] for url in _RECEIVERS}

    async def start(self) -> None:
        """Empty the database, and let two receivers want to be told of every end."""
        async with self._database.session() as session:
            await session.script(_CLEAR)
        for url in _RECEIVERS:
            definition = Definition(HttpAction(url), Trigger.STOP)
            await self._notifications.define(_ADMIN, Place(Scope.JOBS), definition, "http://here/API/")

    # Operations. #

    async def end_job(self, a: int, b: int) -> None:
        """Let a job end; three of four times the transaction is open for a while."""
        new = NewJob("FAULT", JobState.HOLD, Priority.MEDIUM, "admin", {}, _PLAN)
        (stored,) = await jobs.submit(self._database, [new])
        assert stored is not None
        job = stored[0]
        self._made.append(job)
        transaction = self._database.transaction()
        session = await transaction.__aenter__()
        await jobs.lock(session, [job])
        assert await jobs.abort(session, job, cleanup=False, actor="admin", reason=None) is JobState.ABORTED
        self._open.append((job, transaction))
        if a % 4 == 0 or len(self._open) > 3:
            await self.commit(b)

    async def commit(self, a: int, b: int = 0) -> None:
        """Commit one of the open transactions, not always the oldest."""
        if self._open:
            job, transaction = self._open.pop(a % len(self._open))
            await transaction.__aexit__(None, None, None)
            self._ended.add(str(job))

    async def read(self, a: int = 0, b: int = 0) -> None:
        """Let a notifier read a page, and be killed."""
        await self._notifier._page()

    async def delete(self, a: int, b: int = 0) -> None:
        """Delete a job, if it may be."""
        if self._made:
            job = self._made[a % len(self._made)]
            if all(job != one for one, _ in self._open):
                with suppress(NotFound, TransitionRefused):
                    await self._commands._delete(_ADMIN, {job: f"VX-{job}"})

    async def take(self, a: int = 0, b: int = 0) -> None:
        """Let a sender take what lanes it can."""
        holds = await deliveries.claim(self._database, full=[], per_host=9, sound=9, troubled=9, lease=LONG)
        self._served += [Served(hold) for hold in holds]

    async def begin(self, a: int, b: int = 0) -> None:
        """Let a sender begin the next call of a lane."""
        if (one := self._pick(a)) is not None and one.letter is None and not one.empty:
            begun = await deliveries.begin(self._database, one.hold, LONG)
            if begun is None:
                self._served.remove(one)
            else:
                one.hold, one.letter = begun
                one.empty = one.letter is None

    async def go_on(self, a: int, b: int) -> None:
        """Let a sender do the next thing, or be killed before or after the receiver has taken the call."""
        if (one := self._pick(a)) is None:
            return
        if one.empty:
            if await deliveries.close(self._database, one.hold):
                self._served.remove(one)
            one.empty = False
        elif one.letter is not None:
            letter, one.letter = one.letter, None
            taken, killed = b % 3 > 0, b % 5 == 0
            if taken:
                self._told[letter.call.url].append(Told(dict(letter.fields)["job"], str(letter.key)))
            if killed:
                self._served.remove(one)
            elif taken:
                await deliveries.delivered(self._database, one.hold, letter.id, Reply(200))
            else:
                reply, pause = Reply(503, "away"), timedelta()
                await deliveries.failed(
                    self._database, one.hold, letter.id, reply, final=False, pause=pause, alive=False
                )
                self._served.remove(one)

    async def expire(self, a: int = 0, b: int = 0) -> None:
        """Let the lease of every lane run out; whoever has one does not know."""
        async with self._database.session() as session:
            await session.script("UPDATE lane SET ready_at = clock_timestamp() - interval '1 s'")

    def _pick(self, a: int) -> Served | None:
        return self._served[a % len(self._served)] if self._served else None

    # Comparing. #

    async def check(self) -> None:
        """Raise ``Untold`` where something pends that no sender will come by."""
        if await self._count(_LANELESS):
            raise Untold("a delivery pends in a lane that is not there")

    async def drain(self) -> None:
        """Let everything be told; raises ``Untold`` for what is not, and for what was told under two names."""
        while self._open:
            await self.commit(0)
        while await self._notifier._page():
            pass
        self._served.clear()
        for _ in range(500):
            if not await self._count(_LANES):
                break
            if not self._served:
                await self.expire()
                await self.take()
            await self.begin(0)
            await self.go_on(0, 1)
            await self.check()
        else:
            raise Untold(f"{await self._count(_PENDING)} deliveries pend for ever")
        if await self._count(_PENDING):
            raise Untold("something pends, and no lane is left")
        found = [f"{url}: {words}" for url, told in self._told.items() for words in telling.breaches(self._ended, told)]
        if found:
            raise Untold("\n".join(found))

    async def _count(self, question: str) -> int:
        async with self._database.session() as session:
            return int(await session._connection.fetchval(question))


#: How often each operation is chosen by a seed, of all.
WEIGHTS = {"end_job": 6, "commit": 4, "read": 5, "delete": 2, "take": 4, "begin": 8, "go_on": 8, "expire": 1}


async def history(database: Database, seed: int, operations: int) -> None:
    """Go through one history chosen by a seed; raises ``Untold`` for what is wrong with it."""
    chance = random.Random(seed)
    outbox = Outbox(database)
    await outbox.start()
    try:
        for name in chance.choices(list(WEIGHTS), weights=list(WEIGHTS.values()), k=operations):
            operation: Callable[[int, int], Awaitable[None]] = getattr(outbox, name)
            await operation(chance.randrange(1000), chance.randrange(1000))
            await outbox.check()
    finally:
        while outbox._open:
            await outbox.commit(0)
    await outbox.drain()
