"""A short history of a whole engine that passes every place from which it sends a statement: jobs that succeed, fail, are
tried again, wait, are aborted, run again and deleted; workers that vanish and that hand back; groups with limits.

Whoever is told that the database is away tries again, as every client has to. What was answered is kept; it must come true.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar
from uuid import uuid4

from opentelemetry.sdk.trace import TracerProvider

from tests.faults import checker
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from vidijob.engine.problems import Problems
from vidijob.engine.rescuer import Rescuer
from vidijob.engine.submissions import Order
from vidijob.engine.worker import Worker
from vidijob.errors import NotFound, TransitionRefused, Unavailable
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext, Wait
from vidijob.jobs.identity import parse_job
from vidijob.jobs.model import JobType, Origin, Priority, Watch, WorkerId
from vidijob.jobs.states import ENDED, JobState
from vidijob.observability import tracing
from vidijob.store import jobs, records, steps
from vidijob.store.database import Database
from vidijob.store.records import NewRecord

Answer = TypeVar("Answer")
#: A group whose jobs take turns.
_GROUP = """
INSERT INTO task_group (name, max_concurrency, filters) VALUES ('few', 2, '[{"type": [], "priority": ["LOW"], "user": [], "group": [], "data": []}]')"""


async def persist(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """Ask until there is an answer."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await ask()
            except Unavailable:
                await asyncio.sleep(0.02)


@contextmanager
def _traced() -> Iterator[None]:
    """What is submitted meanwhile has a trace."""
    provider = TracerProvider()
    tracing.use(provider)
    try:
        with tracing.span("test"):
            yield
    finally:
        tracing.use(None)
        provider.shutdown()


class Work:
    """What the steps do, by what their job says, and the journal of it."""

    def __init__(self) -> None:
        self.journal: list[checker.Begun] = []
        self._tried: set[str] = set()
        self.there = False
        #: Steps that are to last wait for it.
        self.go_on = asyncio.Event()
        #: A step that is to end while somebody has locked its job waits for that.
        self.is_locked = asyncio.Event()

    async def __call__(self, step: StepContext) -> Outcome:
        """Carry out a step."""
        self.journal.append(checker.Begun(int(step.job.removeprefix("VX-")), step.step, step.lease))
        step.note("begun")
        (what,) = step.data.get("what", ["succeed"])
        if step.step == 200 and what == "fail":
            return Fail("It is told to fail.")
        if step.step == 200 and what == "retry" and step.job not in self._tried:
            self._tried.add(step.job)
            return Retry("Once more.")
        if step.step == 200 and what.startswith("wait") and not self.there:
            return Wait("TEST", {"for": what}, "It is not there.")
        if step.step == 200 and what == "split":
            step.signal()
            step.tell({"done": ["half"]})
            (part,) = step.split(["the only part"])
            part.finish()
            await asyncio.sleep(2.5)  # beats store it, though each statement of theirs goes wrong once
        if step.step == 200 and what == "last":
            await self.go_on.wait()
        if step.step == 200 and what == "locked":
            await self.is_locked.wait()
        return Done({f"lease-{step.step}": [str(step.lease)]})


class History:
    """The engine on a database that may go wrong, and a second way in that does not."""

    def __init__(self, faulty: Database, sound: Database) -> None:
        steps_of = (task(100), task(200, retryDelay="0"), task(300), task(5000, cleanup=True))
        self._engine = Engine(faulty, {"WORK": JobType("WORK", steps_of)}, concurrent_jobs=6)
        self._problems = Problems(faulty, self._engine.bell, "VX")
        self._sound = sound
        self._work = Work()
        self._acknowledged: list[int] = []

    async def go(self) -> list[str]:
        """Go through it; returns what is wrong, in sentences. Raises ``TimeoutError`` when it does not come to its end."""
        engine = self._engine
        await persist(engine.write_types)
        scheduler = self._scheduler = engine.scheduler()
        executor = ScriptedExecutor(work=self._work)
        executor.gone = True
        worker = engine.worker(executor)
        rescuer = Rescuer(engine.database, engine.bell, lambda: True)
        try:
            await self._lives()
            await self._ends(worker, executor)
            await self._all_over(rescuer)
            await persist(rescuer.sweep)
        finally:
            for stop in (worker.stop, scheduler.stop, engine.stop):
                # As when a process ends while the database is away: its leases run out.
                with suppress(Unavailable):
                    await stop()
        async with self._sound.session() as session:
            log = await checker.read(session._connection)  # type: ignore[arg-type]
        return checker.breaches(log, limit=6, acknowledged=self._acknowledged, journal=self._work.journal)

    async def _lives(self) -> None:
        """All that may happen to jobs; the third that waits is for a worker to find."""
        done = [await self._submit() for _ in range(2)]
        await self._over(done[0])
        await self._arrive()
        await self._sql(_GROUP)
        for _ in range(3):
            await self._submit(priority=Priority.LOW)
        await self._submit(what="fail")
        await self._submit(what="retry")
        waiting = [await self._submit(what=f"wait {n}") for n in range(3)]
        aborted = await self._submit(what="wait for ever")
        for id in [*waiting, aborted]:
            await self._until_problem(id)
        await self._abort(aborted)
        self._work.there = True
        await self._resolve(waiting[0], fail=False)
        await self._resolve(waiting[1], fail=True)
        await persist(lambda: self._engine.commands.rerun(ADMIN, done[0], None))
        await self._repeat_and_release()
        await self._repeat_list()
        await self._withdraw()
        await self._end_while_locked()
        await self._delete(done[0])
        await self._over(done[1])

    async def _arrive(self) -> None:
        """A job that starts as it is submitted: nothing waits, and there is a free slot."""
        async with asyncio.timeout(20):
            while self._scheduler.opening(Priority.MEDIUM) is None:
                await asyncio.sleep(0.01)
        await self._submit()

    async def _repeat_and_release(self) -> None:
        """A job that is held, submitted twice under one key, and released."""
        order = ("WORK", Priority.MEDIUM, {"what": ["split"]})
        with _traced():
            made = [
                await persist(lambda: self._engine.commands.submit(ADMIN, *order, hold=True, key="once"))
                for _ in range(2)
            ]
        assert made[0].id == made[1].id
        self._acknowledged.append(made[0].id)
        id = f"VX-{made[0].id}"
        await persist(lambda: self._engine.commands.prioritise(ADMIN, id, Priority.HIGH))
        with suppress(TransitionRefused):  # the first answer was lost
            await persist(lambda: self._engine.commands.release(ADMIN, id))
        job = await persist(lambda: self._engine.until(id))
        assert job.log is not None

    async def _repeat_list(self) -> None:
        """Jobs of another face, stored together with what is kept with them, submitted twice under one key."""
        order = Order("WORK", Priority.MEDIUM, {"what": ["succeed"]}, origin=Origin("mps", {"Priority": "9"}))
        kept = NewRecord("mps", "thing", "one", ADMIN.name, {}, key="one")
        orders = [order, replace(order, watch=Watch.STATES, records=[kept])]
        with _traced():
            made = [await persist(lambda: self._engine.commands.submit_all(ADMIN, orders, key="all")) for _ in range(2)]
        ids = [[job.id for job in answered] for answered in made]
        assert ids[0] == ids[1] and await records.count(self._sound, "mps", "thing", "") == 1
        self._acknowledged += ids[0]
        for id in ids[0]:
            await self._over(f"VX-{id}")

    async def _withdraw(self) -> None:
        """A job that is taken back before any of its steps has begun."""
        commands = self._engine.commands
        job = await persist(lambda: commands.submit(ADMIN, "WORK", Priority.MEDIUM, {"what": ["succeed"]}, hold=True))
        self._acknowledged.append(job.id)
        id = f"VX-{job.id}"
        await persist(lambda: commands.withdraw(ADMIN, id, reason="not wanted"))
        assert (await persist(lambda: self._engine.until(id))).state is JobState.ABORTED

    async def _end_while_locked(self) -> None:
        """A step ends whose job somebody has locked."""
        id = await self._submit(what="locked")
        await self._until_begun(id)
        async with self._sound.transaction() as session:
            await jobs.lock(session, [parse_job("VX", id)])
            self._work.is_locked.set()
            await asyncio.sleep(0.3)  # somebody tries meanwhile to store that it has ended
        await self._over(id)

    async def _until_begun(self, *ids: str) -> None:
        """Wait until the second step of jobs was begun."""
        async with asyncio.timeout(20):
            while len([begun for begun in self._work.journal if f"VX-{begun.job}" in ids and begun.step == 200]) < len(
                ids
            ):
                await asyncio.sleep(0.01)

    async def _vanish(self, rescuer: Rescuer, *, vanished: int) -> None:
        """Some worker, not of this engine, takes a step and is never heard of again."""
        await self._sql("UPDATE step_queue SET ready_at = clock_timestamp()")
        gone = await steps.claim(
            self._sound, WorkerId(uuid4()), ["test"], limit=1, urgent_only=False, duration=timedelta(seconds=-1)
        )
        for lease in gone:
            await self._sql(
                f"UPDATE step SET vanished = {vanished} WHERE job_id = {lease.job} AND number = {lease.step}"
            )
        await persist(rescuer.tick)

    async def _ends(self, worker: Worker, executor: ScriptedExecutor) -> None:
        """The worker stops in the middle of its work, others vanish, a last one does the rest."""
        last = [await self._submit(what="last") for _ in range(2)]
        await self._until_begun(*last)
        await asyncio.sleep(1.1)  # a beat stores what they noted
        with suppress(Unavailable):
            await worker.stop()
        await self._sql("UPDATE lease SET expires_at = clock_timestamp() - interval '1 s'")
        rescuer = Rescuer(self._engine.database, self._engine.bell, lambda: True)
        await persist(rescuer.tick)
        # One of the two kills whoever takes it; the other one is aborted while somebody has it who then vanishes.
        await self._vanish(rescuer, vanished=5)
        await self._vanish_while_aborted(rescuer)
        self._work.go_on.set()
        other = self._engine.worker(executor)
        # Again and again: whoever looked, and got no answer, leaves it to the next who looks.
        while await self._is_waited_for():
            await self._sql("UPDATE problem SET next_check = now() - interval '1 s'")
            await persist(other.check)

    async def _vanish_while_aborted(self, rescuer: Rescuer) -> None:
        await self._sql("UPDATE step_queue SET ready_at = clock_timestamp()")
        gone = await steps.claim(
            self._sound, WorkerId(uuid4()), ["test"], limit=1, urgent_only=False, duration=timedelta(seconds=-1)
        )
        for lease in gone:
            await self._abort(f"VX-{lease.job}")
        await persist(rescuer.tick)

    async def _submit(self, priority: Priority = Priority.MEDIUM, what: str = "succeed") -> str:
        job = await persist(lambda: self._engine.commands.submit(ADMIN, "WORK", priority, {"what": [what]}))
        self._acknowledged.append(job.id)
        return f"VX-{job.id}"

    async def _abort(self, id: str) -> None:
        with suppress(TransitionRefused):  # the first answer was lost, and the job has ended since
            await persist(lambda: self._engine.commands.abort(ADMIN, id, reason=None, cleanup=True))

    async def _delete(self, id: str) -> None:
        with suppress(NotFound):  # the first answer was lost
            await persist(lambda: self._engine.commands.delete(ADMIN, [id]))

    async def _resolve(self, id: str, *, fail: bool) -> None:
        (problem,) = await persist(lambda: self._problems.of_job(id))
        assert await persist(lambda: self._problems.waiting(problem, 10))
        verb = self._problems.fail if fail else self._problems.retry
        with suppress(NotFound):  # the first answer was lost
            await persist(lambda: verb(ADMIN, str(problem.id), id))

    async def _until_problem(self, id: str) -> None:
        async with asyncio.timeout(20):
            while not await persist(lambda: self._problems.of_job(id)):
                await asyncio.sleep(0.02)

    async def _over(self, id: str) -> None:
        await persist(lambda: self._engine.until(id))

    async def _all_over(self, rescuer: Rescuer) -> None:
        ended = [state.value for state in ENDED]
        async with asyncio.timeout(30):
            while True:
                async with self._sound.session() as session:
                    if not await session._connection.fetchval(
                        "SELECT count(*) FROM job WHERE state <> ALL ($1)", ended
                    ):
                        return
                await persist(rescuer.tick)
                await asyncio.sleep(0.02)

    async def _is_waited_for(self) -> bool:
        async with self._sound.session() as session:
            return bool(await session._connection.fetchval("SELECT EXISTS (SELECT FROM problem_job)"))

    async def _sql(self, statement: str) -> None:
        async with self._sound.session() as session:
            await session._connection.execute(statement)
