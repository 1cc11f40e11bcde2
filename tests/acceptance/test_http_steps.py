"""Steps that an engine elsewhere carries out: a real one, over HTTP, on a live server."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import asyncpg
import pytest
from aiohttp import web

from tests.acceptance.conftest import Client, Installation
from tests.acceptance.remote_engine import Order, RemoteEngine, take_over, tell
from tests.acceptance.test_custom_types import data, define, metadata
from tests.acceptance.test_kills import kill, states

SECRET = "known to both sides"
LOCAL = {"webhook_networks": "127.0.0.0/8", "webhook_secret": SECRET}


async def define_for(client: Client, engine: RemoteEngine) -> None:
    """Define a job type of one step for the engine."""
    task = {"step": "100", "bean": "http", "method": "post", "metadata": metadata(url=engine.url)}
    await define(client, "ACME_REMOTE", 20001, [task])


async def test_an_engine_answers_or_calls_back(
    installation: Installation, client: Client, session: aiohttp.ClientSession
) -> None:
    async def act(order: Order) -> web.Response:
        if "now" in order.asked["data"]:
            return web.json_response({"data": {"many": ["1", 2], "one": True, "now": None}})
        return await take_over(order)

    engine = RemoteEngine(act)
    installation.run("serve", **LOCAL)
    await client.ready()
    await define_for(client, engine)
    async with engine.running():
        id = await client.submit("ACME_REMOTE", now="x")
        job = await client.until(id)
        assert job["status"] == "FINISHED", job
        found = data(job)
        assert (found["many"], found["one"], "now" in found) == (["1", "2"], ["true"], False)
        order = await engine.order()
        asked = order.asked
        assert (asked["job"], asked["step"], asked["user"], asked["data"]) == (id, 100, "admin", {"now": ["x"]})
        assert order.request.headers["Idempotency-Key"] == f"{id}-100-{asked['attempt']}"
        assert order.request.headers["Authorization"] == aiohttp.encode_basic_auth("user", "word")
        assert order.signed_with(SECRET)
        assert await tell(session, asked["callback"], log="too late") == 404

        id = await client.submit("ACME_REMOTE")
        url = (await engine.order()).asked["callback"]
        await client.until(id, "VIDINET_JOB")
        progress = {"value": 40, "total": 100, "unit": "percent"}
        assert await tell(session, url, progress=progress, log="under way") == 200
        async with asyncio.timeout(10):
            while "progress" not in (task := (await client.job(id))["log"]["task"][0]):
                await asyncio.sleep(0.05)
        assert task["progress"] == progress
        assert (await client.job(id))["status"] == "VIDINET_JOB"
        assert await tell(session, url, outcome="perhaps") == 400
        assert await tell(session, url[:-1] + ("A" if url[-1] != "A" else "E"), outcome="fail") == 404
        assert await tell(session, url, outcome="done", data={"made": ["a", "b"]}) == 200
        assert await tell(session, url, outcome="fail", reason="no", data={"made": ["c"]}) == 200
        job = await client.until(id)
        assert await tell(session, url, outcome="fail") == 200
    assert job["status"] == (await client.job(id))["status"] == "FINISHED", job
    assert data(job)["made"] == ["a", "b"]
    assert job["log"]["task"][0]["subStep"][0]["description"] == "under way"


async def test_an_engine_that_is_down_is_waited_for(
    installation: Installation, client: Client, session: aiohttp.ClientSession, url: str
) -> None:
    engine = RemoteEngine()
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
            # As if a minute had passed; a worker that starts looks at once.
            await connection.execute("UPDATE problem SET next_check = now()")
            installation.run("worker", **LOCAL, api_url=f"http://127.0.0.1:{installation.port}")
            assert await tell(session, (await engine.order()).asked["callback"], outcome="done") == 200
            job = await client.until(id)
    finally:
        await connection.close()
    assert job["status"] == "FINISHED"
    assert states(job, 100) == ["WAITING", "FINISHED"]


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_a_worker_is_killed_while_an_engine_works(
    installation: Installation, client: Client, session: aiohttp.ClientSession
) -> None:
    engine = RemoteEngine()
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
        await client.until(id, "STARTED")
        installation.run("worker", **LOCAL, api_url=api)
        new = await engine.order()
        await client.until(id, "VIDINET_JOB")
        assert new.request.headers["Idempotency-Key"] != old.request.headers["Idempotency-Key"]
        assert await tell(session, old.asked["callback"], outcome="fail") == 404
        assert await tell(session, new.asked["callback"], outcome="done") == 200
        job = await client.until(id)
    assert job["status"] == "FINISHED"
    assert states(job, 100) == ["DISAPPEARED", "FINISHED"]
