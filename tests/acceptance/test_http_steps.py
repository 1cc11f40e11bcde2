"""Steps that an engine elsewhere carries out: a real one, over HTTP, on a live server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from tests.acceptance.conftest import Client, Installation, free_port
from tests.acceptance.test_custom_types import data, define, metadata
from tests.acceptance.test_kills import kill, states

SECRET = "known to both sides"
LOCAL = {"webhook_networks": "127.0.0.0/8", "webhook_secret": SECRET}


@dataclass
class Order:
    """What the engine was sent."""

    headers: Any
    text: str
    asked: Any = field(init=False)

    def __post_init__(self) -> None:
        self.asked = json.loads(self.text)


Act = Callable[[Order], Awaitable[web.Response]]


@dataclass
class Engine:
    """An engine that does as the test says."""

    session: aiohttp.ClientSession
    act: Act
    port: int = field(default_factory=free_port)
    orders: asyncio.Queue[Order] = field(default_factory=asyncio.Queue)

    @property
    def url(self) -> str:
        """Where steps are sent to."""
        return f"http://user:word@127.0.0.1:{self.port}/carry/out?quality=high"

    @property
    def origin(self) -> str:
        """What is shown of it."""
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run it."""
        application = web.Application()
        application.router.add_post("/carry/out", self._take)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        order = Order(request.headers.copy(), await request.text())
        self.orders.put_nowait(order)
        return await self.act(order)

    async def tell(self, order: Order, **message: Any) -> int:
        """Call back; returns the status."""
        async with self.session.post(order.asked["callback"], json=message) as answer:
            return answer.status

    async def order(self) -> Order:
        """Return the next order."""
        async with asyncio.timeout(20):
            return await self.orders.get()


async def accept(order: Order) -> web.Response:
    """Take the step over."""
    return web.Response(status=202)


@pytest.fixture
def engine(session: aiohttp.ClientSession) -> Engine:
    """An engine that takes every step over; not running yet."""
    return Engine(session, accept)


async def define_for(client: Client, engine: Engine, **settings: str) -> None:
    """Define a job type of one step for the engine."""
    task = {"step": "100", "bean": "http", "method": "post", "metadata": metadata(url=engine.url, **settings)}
    await define(client, "ACME_REMOTE", 20001, [task])


async def test_an_answer_ends_a_step(installation: Installation, client: Client, engine: Engine) -> None:
    async def act(order: Order) -> web.Response:
        if order.asked["data"].get("end") == ["badly"]:
            return web.Response(status=422, text="no such\n tape")
        return web.json_response({"data": {"many": ["1", 2], "one": True, "gone": None}})

    engine.act = act
    installation.run("serve", **LOCAL)
    await client.ready()
    await define_for(client, engine)
    async with engine.running():
        id, failing = await client.submit("ACME_REMOTE", gone="x"), await client.submit("ACME_REMOTE", end="badly")
        job = await client.until(id)
        assert job["status"] == "FINISHED", job
        assert data(job) == {"many": ["1", "2"], "one": ["true"]} | {k: v for k, v in data(job).items() if k[:1] == "_"}
        job = await client.until(failing)
        assert job["status"] == "FAILED_TOTAL"
        assert data(job)["errorMessage"] == [f"{engine.origin} answered 422: no such tape"]
    orders = [await engine.order(), await engine.order()]
    (order,) = (order for order in orders if order.asked["job"] == id)
    assert (order.asked["step"], order.asked["user"], order.asked["data"]) == (100, "admin", {"gone": ["x"]})
    assert order.headers["Idempotency-Key"] == f"{id}-100-{order.asked['attempt']}"
    assert order.headers["Authorization"] == aiohttp.encode_basic_auth("user", "word")
    signed = order.headers["Vidijob-Timestamp"] + "." + order.text
    wanted = hmac.new(SECRET.encode(), signed.encode(), hashlib.sha256).hexdigest()
    assert order.headers["Vidijob-Signature"] == f"sha256={wanted}"
    assert await engine.tell(order, log="too late") == 404


async def test_an_engine_calls_back(installation: Installation, client: Client, engine: Engine) -> None:
    installation.run("serve", **LOCAL)
    await client.ready()
    await define_for(client, engine)
    async with engine.running():
        id = await client.submit("ACME_REMOTE")
        order = await engine.order()
        await client.until(id, "VIDINET_JOB")
        assert await engine.tell(order, progress={"value": 40, "total": 100, "unit": "percent"}, log="under way") == 200
        async with asyncio.timeout(10):
            while True:
                (task,) = (await client.job(id))["log"]["task"]
                if "progress" in task:
                    break
                await asyncio.sleep(0.05)
        assert task["progress"] == {"value": 40, "total": 100, "unit": "percent"}
        assert (await client.job(id))["status"] == "VIDINET_JOB"
        assert await engine.tell(order, outcome="perhaps") == 400
        order.asked["callback"] = (right := order.asked["callback"])[:-1] + ("A" if right[-1] != "A" else "B")
        assert await engine.tell(order, outcome="fail") == 404
        order.asked["callback"] = right
        assert await engine.tell(order, outcome="done", data={"made": ["a", "b"]}) == 200
        assert await engine.tell(order, outcome="fail", reason="no", data={"made": ["c"]}) == 200
        job = await client.until(id)
        assert await engine.tell(order, outcome="fail") == 200
    assert job["status"] == (await client.job(id))["status"] == "FINISHED", job
    assert data(job)["made"] == ["a", "b"]
    assert job["log"]["task"][0]["subStep"][0]["description"] == "under way"


async def test_an_engine_that_is_down_is_waited_for(
    installation: Installation, client: Client, engine: Engine, url: str
) -> None:
    installation.run("serve", **LOCAL)
    await client.ready()
    await define_for(client, engine)
    id = await client.submit("ACME_REMOTE")
    job = await client.until(id, "WAITING")
    assert job["waiting"]["resourceType"] == "REMOTE_UNAVAILABLE"
    (problem,) = (await client.document("/job/problem"))["problem"]
    assert problem["job"] == [id]
    assert "word" not in json.dumps([job, problem])
    connection = await asyncpg.connect(url)
    try:
        async with engine.running():
            # A minute has passed; whoever starts looks at once.
            await connection.execute("UPDATE problem SET next_check = now()")
            installation.run("worker", **LOCAL, api_url=f"http://127.0.0.1:{installation.port}")
            order = await engine.order()
            assert await engine.tell(order, outcome="done") == 200
            job = await client.until(id)
    finally:
        await connection.close()
    assert job["status"] == "FINISHED"
    assert states(job, 100) == ["WAITING", "FINISHED"]


@pytest.mark.slow
async def test_a_worker_is_killed_while_an_engine_works(
    installation: Installation, client: Client, engine: Engine
) -> None:
    installation.run("serve", "--role", "api", "--role", "scheduler", **LOCAL)
    await client.ready()
    await define_for(client, engine)
    api = f"http://127.0.0.1:{installation.port}"
    worker = installation.run("worker", **LOCAL, api_url=api)
    async with engine.running():
        id = await client.submit("ACME_REMOTE")
        old = await engine.order()
        await client.until(id, "VIDINET_JOB")
        kill(worker)
        installation.run("worker", **LOCAL, api_url=api)
        await client.until(id, "STARTED", seconds=20)
        new = await engine.order()
        await client.until(id, "VIDINET_JOB")
        assert new.headers["Idempotency-Key"] != old.headers["Idempotency-Key"]
        assert await engine.tell(old, outcome="fail") == 404
        assert await engine.tell(new, outcome="done") == 200
        job = await client.until(id)
    assert job["status"] == "FINISHED"
    assert states(job, 100) == ["DISAPPEARED", "FINISHED"]
