"""A second history, of what an engine has to do with others: receivers are told how jobs ended, an engine elsewhere carries
out steps, steps wait for a worker that can take them, and old jobs are taken out. Priorities grow with age here.

What must come true besides: every receiver is told of every end, under one name however often, and the outbox is empty.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from ipaddress import ip_network

from tests.acceptance.remote_engine import Order, RemoteEngine
from tests.faults import checker, telling
from tests.faults.scenario import persist
from tests.faults.telling import Told
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from tests.receiver import Receiver, receiving
from vidijob.api.vidispine.translate.payloads import Composer
from vidijob.engine.cleaner import Cleaner
from vidijob.engine.counter import Counter
from vidijob.engine.external_ids import ExternalIds
from vidijob.engine.notifications import Notifications
from vidijob.engine.notifier import Notifier
from vidijob.engine.remote_calls import Reception, RemoteCalls
from vidijob.engine.sender import Sender
from vidijob.engine.sweeper import Sweeper
from vidijob.engine.vacancies import Vacancies
from vidijob.engine.worker import Worker
from vidijob.errors import NotFound, Unavailable
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.executors.http import HttpExecutor
from vidijob.executors.registry import Registry
from vidijob.jobs.model import Dependency, JobType, Priority, StepNumber, TaskDefinition
from vidijob.jobs.notifications import Definition, HttpAction, Place, Scope, Trigger
from vidijob.jobs.remote import read_message
from vidijob.store.database import Database
from vidijob.web.outbound import Outbound
from vidijob.web.webhooks import Webhooks

_AFTER = Dependency(previous=True)
#: Receivers: one that takes what it is told, one that is away at first, one that takes its time.
_WILLING, _LATE, _SLOW = "/willing", "/late", "/slow"


async def _secret() -> str:
    return "a secret of this test"


async def _address() -> str | None:
    return "http://here/step"


async def _read(notifier: Notifier) -> None:
    await asyncio.sleep(0.03)  # it pauses between two looks
    await notifier.tick()


class TellingHistory:
    """The engine on a database that may go wrong, with others around it, and a second way in that does not."""

    def __init__(self, faulty: Database, sound: Database) -> None:
        self._there = RemoteEngine()
        away = {"url": self._there.url, "retryDelay": "0.01"}
        types = {
            "HERE": JobType("HERE", (task(100), task(5000, cleanup=True))),
            "AWAY": JobType(
                "AWAY", (task(100), TaskDefinition(StepNumber(200), "Elsewhere", "http", "post", _AFTER, metadata=away))
            ),
            "RARE": JobType("RARE", (task(100), TaskDefinition(StepNumber(200), "Rare", "rare", "work", _AFTER))),
        }
        self._engine = Engine(faulty, types, concurrent_jobs=6, ageing=timedelta(hours=1))
        self._sound = sound
        self._outbound = Outbound(_secret, [ip_network("127.0.0.0/8")])
        self._calls = RemoteCalls(faulty, self._engine.bell, "VX", _address)
        self._reception = Reception(faulty, self._engine.bell)
        #: The slow receiver waits for it.
        self._go_on = asyncio.Event()
        self._journal: list[checker.Begun] = []
        self._acknowledged: list[int] = []

    async def go(self) -> list[str]:
        """Go through it; returns what is wrong, in sentences. Raises ``TimeoutError`` when it does not come to its end."""
        engine = self._engine
        await persist(engine.write_types)
        engine.scheduler()
        self._calls.start()
        self._worker("test")
        elsewhere = asyncio.create_task(self._elsewhere())
        try:
            async with receiving() as receiver, self._there.running():
                found = await self._live(receiver)
        finally:
            elsewhere.cancel()
            for stop in (engine.stop, self._calls.stop, self._outbound.close):
                # As when a process ends while the database is away: its leases run out.
                with suppress(Unavailable):
                    await stop()
        return found

    async def _live(self, receiver: Receiver) -> list[str]:
        untold = await self._submit("HERE")
        await self._over(untold)
        notifier = Notifier(self._engine.database, self._engine.bell, Composer("VX").compose)
        # Nobody wants to be told of that one.
        await persist(lambda: _read(notifier))
        self._engine.parts.append(notifier)
        notifier.start()
        await self._define(receiver)
        sender = self._sender()
        told = [await self._submit(type) for type in ("HERE", "AWAY", "AWAY", "RARE")]
        await self._until_somebody_can(told[-1])
        for job in told:
            await self._over(job)
        # What is being sent when a sender stops is sent by another.
        await receiver.until(_SLOW)
        await asyncio.sleep(1.5)  # several beats keep its lanes
        await sender.stop()
        self._go_on.set()
        self._engine.parts.remove(sender)
        self._sender()
        await self._until(
            "SELECT NOT EXISTS (SELECT FROM delivery WHERE ended_at IS NULL) AND NOT EXISTS (SELECT FROM lane)"
        )
        async with self._sound.session() as session:
            log = await checker.read(session._connection)  # type: ignore[arg-type]
        found = checker.breaches(log, limit=6, acknowledged=self._acknowledged, journal=self._journal)
        found += self._untold(receiver, told)
        await self._tidy()
        await self._clean()
        return found

    async def _tidy(self) -> None:
        """Fold and prune the counts, and sweep."""
        counter = Counter(self._engine.database, lambda: True)
        counter._prune_at = 0.0
        while counter._prune_at == 0:
            await persist(counter.tick)
        await persist(Sweeper(self._engine.database, lambda: True).tick)

    async def _define(self, receiver: Receiver) -> None:
        away = 1

        async def late() -> int:
            nonlocal away
            away -= 1
            return 200 if away < 0 else 503

        async def slow() -> int:
            await self._go_on.wait()
            return 200

        receiver.behaviours |= {_LATE: late, _SLOW: slow}
        bell = self._engine.bell
        notifications = Notifications(self._sound, bell, ExternalIds(self._sound, "VX"), "VX")
        for path in (_WILLING, _LATE, _SLOW):
            definition = Definition(HttpAction(receiver.url(path)), Trigger.STOP)
            await notifications.define(ADMIN, Place(Scope.JOBS), definition, "http://here/API/")

    def _sender(self) -> Sender:
        webhooks = Webhooks(Composer("VX").write, self._outbound)
        sender = Sender(self._engine.database, self._engine.bell, webhooks.deliver)
        self._engine.parts.append(sender)
        sender.start()
        return sender

    def _worker(self, name: str) -> None:
        executors = {name: ScriptedExecutor(work=self._work)}
        registry = Registry({**executors, "http": HttpExecutor(self._outbound.call, self._calls)})
        worker = Worker(self._engine.database, self._engine.bell, registry, slots=8, site="VX")
        self._engine.parts.append(worker)
        worker.start()

    async def _work(self, step: StepContext) -> Outcome:
        self._journal.append(checker.Begun(int(step.job.removeprefix("VX-")), step.step, step.lease))
        return Done({f"lease-{step.step}": [str(step.lease)]})

    async def _elsewhere(self) -> None:
        """Be the engine elsewhere: each step is told to be done, and once more, when its job is known to be there."""
        async with asyncio.TaskGroup() as group:
            while True:
                group.create_task(self._carry_out(await self._there.orders.get()))

    async def _carry_out(self, order: Order) -> None:
        job, step, lease = (order.asked[name] for name in ("job", "step", "attempt"))
        self._journal.append(checker.Begun(int(job.removeprefix("VX-")), step, lease))
        done = f'{{"outcome": "done", "data": {{"lease-{step}": "{lease}"}}}}'
        # Not known any more: the attempt is over, and there is another one.
        with suppress(NotFound):
            await self._until(f"SELECT EXISTS (SELECT FROM remote_call WHERE lease = {lease} AND taken_over)")
            for text in ('{"log": "It is half done."}', done, done):
                await persist(lambda text=text: self._reception.take(order.token, read_message(text)))  # type: ignore[misc]

    async def _until_somebody_can(self, job: str) -> None:
        """Let a job wait for a worker that has what its step needs, and start one when it does."""
        vacancies = Vacancies(self._engine.database, self._engine.bell, lambda: True, patience=timedelta())
        async with asyncio.timeout(20):
            while not await self._is("SELECT EXISTS (SELECT FROM problem_job)"):
                await persist(vacancies.tick)
                await asyncio.sleep(0.02)
            self._worker("rare")
            while await self._is("SELECT EXISTS (SELECT FROM problem_job)"):
                await persist(vacancies.tick)
                await asyncio.sleep(0.02)

    def _untold(self, receiver: Receiver, jobs: list[str]) -> list[str]:
        """Return what receivers were not told, or were told twice under two names."""
        found = []
        for path in (_WILLING, _LATE, _SLOW):
            told = [Told(call.fields["jobId"], call.delivery) for call in receiver.at(path)]
            found += [f"{path}: {words}" for words in telling.breaches(jobs, told)]
        return found

    async def _clean(self) -> None:
        """Take out all jobs, and then what says that they were there."""
        cleaner = Cleaner(self._engine.database, lambda: True, keep_jobs=timedelta())
        async with asyncio.timeout(20):
            while await self._is("SELECT EXISTS (SELECT FROM event)"):
                await persist(cleaner.tick)
                await asyncio.sleep(0.02)

    async def _submit(self, type: str) -> str:
        key = str(len(self._acknowledged))
        job = await persist(lambda: self._engine.commands.submit(ADMIN, type, Priority.MEDIUM, {}, key=key))
        self._acknowledged.append(job.id)
        return f"VX-{job.id}"

    async def _over(self, id: str) -> None:
        await persist(lambda: self._engine.until(id))

    async def _until(self, question: str) -> None:
        """Ask until the answer is yes."""
        async with asyncio.timeout(20):
            while not await self._is(question):
                await asyncio.sleep(0.02)

    async def _is(self, question: str) -> bool:
        async with self._sound.session() as session:
            return bool(await session._connection.fetchval(question))
