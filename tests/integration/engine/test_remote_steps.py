"""Steps that engines elsewhere carry out, in a whole engine: what is answered, what is told, and where the job is meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from ipaddress import ip_network

import pytest
from aiohttp import web

from tests.acceptance.remote_engine import Order, RemoteEngine
from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor, task
from tests.integration.engine.test_locks import ROWS, locked
from vidijob.engine.remote_calls import Reception, RemoteCalls
from vidijob.engine.worker import Worker
from vidijob.errors import NotFound
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.executors.http import REMOTE_UNAVAILABLE, HttpExecutor
from vidijob.executors.registry import Registry
from vidijob.jobs.model import Dependency, Job, JobType, StepNumber, TaskDefinition
from vidijob.jobs.remote import read_message
from vidijob.jobs.states import JobState, StepState
from vidijob.store import remote_calls
from vidijob.web.outbound import Outbound


async def secret() -> str:
    return "a secret of this test"


async def address() -> str | None:
    return "http://here/step"


async def no_address() -> str | None:
    return None


class Local:
    """Does what is done here, when the test lets it."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def __call__(self, step: StepContext) -> Outcome:
        await self.go_on.wait()
        return Done()


class Setting:
    """An engine here, one elsewhere, and the calls between them."""

    def __init__(self, engine: Engine) -> None:
        self.here = engine
        self.there = RemoteEngine()
        self.outbound = Outbound(secret, [ip_network("127.0.0.0/8")])
        self.calls = RemoteCalls(engine.database, engine.bell, "VX", address)
        self.executor = HttpExecutor(self.outbound.call, self.calls)
        self.reception = Reception(engine.database, engine.bell)
        self.local = Local()

    def step(self, number: int = 100, **metadata: str) -> TaskDefinition:
        """Return a step for the engine elsewhere that waits for no other."""
        settings = {"url": self.there.url, "retryDelay": "0.01", **metadata}
        return TaskDefinition(StepNumber(number), "Elsewhere", "http", "post", metadata=settings)

    def define(self, *tasks: TaskDefinition) -> None:
        """Make the job type of the test."""
        self.here.types["WORK"] = JobType("WORK", tasks)

    def worker(self) -> Worker:
        """Start a worker."""
        registry = Registry({"http": self.executor, "test": ScriptedExecutor(work=self.local)})
        worker = Worker(self.here.database, self.here.bell, registry, slots=50, site="VX")
        self.here.parts.append(worker)
        worker.start()
        return worker

    async def tell(self, order: Order, message: str) -> None:
        """Call back."""
        await self.reception.take(order.token, read_message(message))

    async def is_known(self, order: Order) -> bool:
        """Tell whether the address of an order is alive."""
        try:
            await self.reception.require(order.token)
        except NotFound:
            return False
        return True

    async def addresses(self) -> int:
        """Return how many addresses are stored."""
        async with self.here.database.session() as session:
            return int(await session._connection.fetchval("SELECT count(*) FROM remote_call"))

    async def states(self) -> list[str]:
        """Return the states that jobs have gone through."""
        return [new for _, step, _, new in await self.here.events() if step is None]


@pytest.fixture
async def setting(engine: Engine) -> AsyncIterator[Setting]:
    """Both engines, running, and a scheduler; the worker is the test's to start."""
    setting = Setting(engine)
    setting.calls.start()
    engine.scheduler()
    async with setting.there.running():
        yield setting
        await engine.stop()
        await setting.calls.stop()
        await setting.outbound.close()


def log(job: Job) -> list[StepState]:
    assert job.log is not None
    return [attempt.state for attempt in job.log]


def error(job: Job) -> str:
    return job.data["errorMessage"][0]


def answer(status: int, text: str = "", type: str = "text/plain", **headers: str) -> web.Response:
    return web.Response(status=status, text=text, content_type=type, headers=headers)


FINISHED, RETRIED, FAILED = StepState.FINISHED, StepState.FAILED_RETRY, StepState.FAILED_FATAL
JSON = "application/json"
#: What is answered first; what comes of it.
ANSWERS: list[tuple[str, web.Response | None, Sequence[StepState]]] = [
    ("nothing", answer(204), [FINISHED]),
    ("created", answer(201, '{"data": null}', JSON), [FINISHED]),
    ("words", answer(200, "OK"), [FINISHED]),
    ("no JSON", answer(200, "OK", JSON), [FAILED]),
    ("no data", answer(200, '{"data": [1]}', JSON), [FAILED]),
    ("elsewhere", answer(302, Location="/other"), [FAILED]),
    ("not there", answer(404, "no such\n  tape" + "!" * 999), [FAILED]),
    ("busy", answer(429), [RETRIED, FINISHED]),
    ("broken", answer(500, "a fault"), [RETRIED, FINISHED]),
    ("cut off", None, [RETRIED, FINISHED]),
    ("away", answer(503), [StepState.WAITING]),
]


async def test_what_comes_of_an_answer(setting: Setting) -> None:
    first: dict[str, int] = {}
    answers = {name: answer for name, answer, _ in ANSWERS}

    async def act(order: Order) -> web.Response:
        (name,) = order.asked["data"]["case"]
        if order.asked["attempt"] != first.setdefault(name, order.asked["attempt"]):
            return answer(200)
        if (given := answers[name]) is not None:
            return given
        # Whether it comes once or, on a connection that was kept, twice: it is one attempt.
        assert order.request.transport is not None
        order.request.transport.abort()
        return answer(200)

    setting.there.act = act
    setting.here.concurrent_jobs = len(ANSWERS)
    setting.define(setting.step())
    setting.worker()
    ids = {name: await setting.here.submit(case=name) for name in answers}
    jobs = {}
    for name, _, wanted in ANSWERS:
        ends = [JobState.WAITING] if wanted == [StepState.WAITING] else []
        jobs[name] = await setting.here.until(ids[name], *ends)
        assert log(jobs[name]) == wanted, name
    assert error(jobs["not there"]) == f"{setting.there.origin} answered 404: " + ("no such tape" + "!" * 999)[:300]
    assert "redirections" in error(jobs["elsewhere"]) and "no JSON" in error(jobs["no JSON"])
    assert await setting.addresses() == 0
    assert "VIDINET_JOB" not in await setting.states()


async def test_a_job_comes_back_with_its_last_remote_step(setting: Setting) -> None:
    after = TaskDefinition(
        StepNumber(300), "Here", "test", "work", Dependency(all_previous=True), metadata={"retries": "0"}
    )
    setting.define(setting.step(100), setting.step(200), after)
    setting.worker()
    id = await setting.here.submit()
    orders = {(order := await setting.there.order()).asked["step"]: order for _ in range(2)}
    await setting.here.until(id, JobState.VIDINET_JOB)
    await setting.tell(orders[100], '{"log": "one"}')
    await setting.tell(orders[100], '{"log": "two", "outcome": "retry", "data": {"kept": 1}}')
    again = await setting.there.order()
    assert again.asked["step"] == 100 and again.asked["data"]["kept"] == ["1"]
    assert again.asked["attempt"] > orders[100].asked["attempt"]
    await setting.tell(again, '{"outcome": "done"}')
    async with asyncio.timeout(10):
        while log(await setting.here.insights.job(f"{id}")).count(FINISHED) < 1:
            await asyncio.sleep(0.02)
    assert (await setting.here.insights.job(id)).state is JobState.VIDINET_JOB
    await setting.tell(orders[200], '{"outcome": "done"}')
    await setting.here.until(id, JobState.STARTED)
    setting.local.go_on.set()
    job = await setting.here.until(id)
    assert job.state is JobState.FINISHED
    assert log(job) == [RETRIED, FINISHED, FINISHED, FINISHED]
    assert job.log is not None and [note.text for note in job.log[0].notes] == ["one", "two"]
    assert await setting.states() == ["READY", "STARTED", "VIDINET_JOB", "STARTED", "FINISHED"]


async def test_what_an_engine_says_in_the_end(setting: Setting) -> None:
    setting.define(setting.step(retries="0"))
    worker = setting.worker()
    id = await setting.here.submit()
    await setting.tell(await setting.there.order(), '{"outcome": "fail", "reason": "torn", "data": {"a": "b"}}')
    job = await setting.here.until(id)
    assert (job.state, error(job), job.data["a"]) == (JobState.FAILED_TOTAL, "torn", ["b"])
    id = await setting.here.submit()
    await setting.tell(await setting.there.order(), '{"outcome": "wait", "reason": "no tape drive is free"}')
    job = await setting.here.until(id, JobState.WAITING)
    assert job.waiting is not None
    assert (job.waiting.type, job.waiting.reason) == (REMOTE_UNAVAILABLE, "no tape drive is free")
    for health, goes_on in ((503, False), (200, True)):
        setting.there.health = health
        async with setting.here.database.session() as session:
            await session._connection.execute("UPDATE problem SET next_check = now()")
        await worker.check()
        state = (await setting.here.insights.job(id)).state
        assert (state is not JobState.WAITING) is goes_on
    order = await setting.there.order()
    await setting.tell(order, '{"outcome": "done"}')
    assert (await setting.here.until(id)).state is JobState.FINISHED
    # Who did not hear that it was taken says it again.
    await setting.tell(order, '{"outcome": "fail"}')
    assert await setting.addresses() == 3
    await remote_calls.forget(setting.here.database, timedelta(minutes=10))
    assert await setting.addresses() == 3
    async with setting.here.database.session() as session:
        await session._connection.execute("UPDATE remote_call SET at = at - interval '1 hour'")
    await remote_calls.forget(setting.here.database, timedelta(minutes=10))
    assert await setting.addresses() == 0 and not await setting.is_known(order)


async def test_a_take_over_waits_for_its_job_alone(setting: Setting, url: str) -> None:
    go_on = asyncio.Event()

    async def act(order: Order) -> web.Response:
        await go_on.wait()
        return answer(202)

    setting.there.act = act
    setting.define(setting.step())
    setting.worker()
    ids = [await setting.here.submit() for _ in range(2)]
    for _ in ids:
        await setting.there.order()
    async with locked(url, ROWS, ids[0]):
        go_on.set()
        await setting.here.until(ids[1], JobState.VIDINET_JOB)
        assert (await setting.here.insights.job(ids[0])).state is JobState.STARTED
    await setting.here.until(ids[0], JobState.VIDINET_JOB, seconds=5)


async def test_an_abort_leaves_a_dead_address(setting: Setting) -> None:
    setting.define(setting.step(), task(5000, "work", cleanup=True))
    setting.local.go_on.set()
    setting.worker()
    id = await setting.here.submit()
    order = await setting.there.order()
    await setting.here.until(id, JobState.VIDINET_JOB)
    assert await setting.is_known(order)
    await setting.here.commands.abort(ADMIN, id, cleanup=True, reason=None)
    assert (await setting.here.until(id)).state is JobState.ABORTED
    assert not await setting.is_known(order)
    assert await setting.states() == ["READY", "STARTED", "VIDINET_JOB", "ABORTED_PENDING", "ABORTED"]
    assert await setting.addresses() == 0


async def test_an_engine_may_take_too_long(setting: Setting) -> None:
    setting.define(setting.step(deadline="0.3", retries="0"))
    setting.worker()
    id = await setting.here.submit()
    order = await setting.there.order()
    job = await setting.here.until(id)
    assert job.state is JobState.FAILED_TOTAL and "within 0.3 s" in error(job)
    assert not await setting.is_known(order)
    assert await setting.addresses() == 0


async def test_a_worker_that_stops_hands_the_step_back(setting: Setting) -> None:
    setting.define(setting.step())
    worker = setting.worker()
    id = await setting.here.submit()
    old = await setting.there.order()
    await setting.here.until(id, JobState.VIDINET_JOB)
    await worker.stop()
    setting.here.parts.remove(worker)
    assert (await setting.here.insights.job(id)).state is JobState.STARTED
    assert not await setting.is_known(old)
    setting.worker()
    new = await setting.there.order()
    await setting.tell(new, '{"outcome": "done"}')
    job = await setting.here.until(id)
    assert log(job) == [StepState.DISAPPEARED, FINISHED]


async def test_addresses_that_are_not_allowed_are_not_called(setting: Setting) -> None:
    outbound = Outbound(secret)
    try:
        setting.executor = HttpExecutor(outbound.call, setting.calls)
        setting.define(setting.step())
        setting.worker()
        job = await setting.here.until(await setting.here.submit())
        assert job.state is JobState.FAILED_TOTAL and "webhook_networks" in error(job)
        assert setting.there.orders.empty()
        # A job that waited for it goes on, and its step says why it cannot.
        assert await setting.executor.is_gone(REMOTE_UNAVAILABLE, {"url": setting.there.origin})
    finally:
        await outbound.close()


async def test_without_an_address_nobody_can_call_back(setting: Setting) -> None:
    setting.calls._address = no_address
    setting.define(setting.step())
    setting.worker()
    job = await setting.here.until(await setting.here.submit())
    assert (await setting.there.order()).asked["callback"] is None
    assert job.state is JobState.FAILED_TOTAL and "--public-url" in error(job)
