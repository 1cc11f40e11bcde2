"""ETag and If-None-Match: who has an answer already is not sent it again, and whatever changes is seen."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.api.vidispine.conftest import JSON, TEXT, XML, Api, Finish, Reply
from tests.integration.api.vidispine.test_search import ended, plant
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.store.database import Database
from vidijob.web import keys


async def get(api: Api, path: str, tag: str | None = None, accept: str = XML) -> Reply:
    """Ask for something that the client may have."""
    return await api("GET", path, accept=accept, headers={} if tag is None else {"If-None-Match": tag})


async def execute(database: Database, sql: str) -> None:
    """Change what the server does not know of."""
    async with database.session() as session:
        await session._connection.execute(sql)


@pytest.mark.parametrize("accept", [XML, JSON, TEXT])
async def test_what_the_client_has_is_not_sent_again(api: Api, finish: Finish, accept: str) -> None:
    id = await api.create()
    for path in (f"/API/job/{id}", f"/API/job/{id}?metadata=true", "/API/job?user=false&number=2", "/API/job"):
        first = await get(api, path, accept=accept)
        tag = first.headers["ETag"]
        assert (first.status, first.headers["Cache-Control"], first.headers["Vary"]) == (
            200,
            "private, no-cache",
            "Accept",
        )
        again = await get(api, path, tag, accept)
        assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
        assert "Content-Type" not in again.headers
        other = await get(api, path, '"x"', accept)
        assert (other.status, other.body, other.headers["ETag"]) == (200, first.body, tag)
    before = await get(api, f"/API/job/{id}", accept=accept)
    await finish(id)
    after = await get(api, f"/API/job/{id}", before.headers["ETag"], accept)
    assert after.status == 200 and after.body != before.body
    # It has ended: what was kept is the same, in its form, and said so.
    for path in (f"/API/job/{id}", f"/API/job/{id}?metadata=true", f"/API/job/{id}?field=none"):
        first, second = await get(api, path, accept=accept), await get(api, path, accept=accept)
        assert (first.status, first.body, first.headers["ETag"]) == (200, second.body, second.headers["ETag"])
        assert first.headers["Content-Type"] == second.headers["Content-Type"]
        assert (await get(api, path, first.headers["ETag"], accept)).status == 304


async def test_everything_that_a_job_shows_changes_its_version(api: Api, engine: Engine) -> None:
    go_on = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        for number in range(1, 4):
            await go_on.wait()
            go_on.clear()
            if number == 1:
                step.progress(1, 10, "percent")
            elif number == 2:
                step.note("half way")
            else:
                step.tell({"transcodeProgress": ["50"]})
        await go_on.wait()
        return Done()

    id = await api.create("type=WORK&priority=LOW")
    engine.worker(ScriptedExecutor(work=work))
    path, seen = f"/API/job/{id}", [(await get(api, f"/API/job/{id}")).headers["ETag"]]

    async def changed() -> Reply:
        async with asyncio.timeout(20):
            while (reply := await get(api, path, seen[-1])).status == 304:
                await asyncio.sleep(0.02)
        seen.append(reply.headers["ETag"])
        return reply

    assert (await api("PUT", f"{path}?priority=HIGH")).status == 200
    assert (await changed()).find("priority") == ["HIGH"]
    engine.scheduler()
    while not (await changed()).find("log/task"):
        pass
    for element in ("log/task/progress", "log/task/subStep", "data/key"):
        go_on.set()
        while not (await changed()).find(element):
            pass
    assert len(set(seen)) == len(seen)


async def test_a_job_that_is_gone_or_another_is_not_answered_from_memory(
    api: Api, engine: Engine, database: Database
) -> None:
    await plant(engine, **ended("FINISHED", "2024-02-29T12:00:00Z"))
    path = "/API/job/VX-1"
    first = await get(api, path)
    assert api._client.app[keys.KEPT].held > 0
    assert (await get(api, path)).body == first.body
    # As after another database was put in the place of this one.
    await execute(database, "UPDATE job SET finished = '2024-02-29T12:00:01Z', type = 'OTHER'")
    assert (await get(api, path)).find("type") == ["OTHER"]
    assert (await get(api, path, first.headers["ETag"])).status == 200
    await execute(database, "DELETE FROM job")
    assert (await get(api, path, first.headers["ETag"])).status == 404
