"""What remote engines tell of the steps that they carry out, as it comes in by HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.integration.api.vidispine.conftest import JSON, TEXT, Api
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.engine.remote_calls import RemoteCalls
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.states import JobState


async def address() -> str | None:
    return "/APInoauth/step"


class Elsewhere:
    """Lets every first step be carried out elsewhere."""

    def __init__(self, engine: Engine) -> None:
        self.calls = RemoteCalls(engine.database, engine.bell, "VX", address)
        self.paths: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, step: StepContext) -> Outcome:
        if step.step != 100:
            return Done()
        async with self.calls.open(step) as callback:
            assert callback.url is not None
            self.paths.put_nowait(callback.url)
            callback.taken_over()
            return Done((await callback.verdict()).data)


@pytest.fixture
async def elsewhere(engine: Engine) -> AsyncIterator[Elsewhere]:
    """An engine whose steps are carried out elsewhere; what is told is heard when the test lets it."""
    elsewhere = Elsewhere(engine)
    engine.worker(ScriptedExecutor(work=elsewhere))
    engine.scheduler()
    yield elsewhere
    await engine.stop()
    await elsewhere.calls.stop()


#: What cannot be taken, and where it is wrong.
BAD = [
    ("", "body"),
    ("{", "body"),
    ("[]", "body"),
    ("{}", "body"),
    ("[" * 5000, "body"),
    ('{"log": "a", "more": 1}', "more"),
    ('{"log": 1}', "log"),
    ('{"log": "\\u0000"}', "log"),
    ('{"progress": 40}', "progress"),
    ('{"progress": {"value": -1, "total": 100, "unit": "percent"}}', "progress/value"),
    ('{"progress": {"value": 1, "total": true, "unit": "percent"}}', "progress/total"),
    ('{"progress": {"value": 1, "total": 1e400, "unit": "percent"}}', "body"),
    ('{"progress": {"value": 1, "total": 2, "unit": "frames"}}', "progress/unit"),
    ('{"outcome": "maybe"}', "outcome"),
    ('{"outcome": ["done"]}', "outcome"),
    ('{"reason": "why"}', "reason"),
    ('{"log": "a", "data": {}}', "data"),
    ('{"outcome": "fail", "reason": 1}', "reason"),
    ('{"outcome": "done", "data": []}', "data"),
    ('{"outcome": "done", "data": {"": "a"}}', "data"),
    ('{"outcome": "done", "data": {"a": {}}}', "data/a"),
    ('{"outcome": "done", "data": {"a": ["b", null]}}', "data/a"),
]


async def test_the_token_is_the_login_and_the_body_is_checked(api: Api, engine: Engine, elsewhere: Elsewhere) -> None:
    elsewhere.calls.start()
    id = await api.create()
    path = await elsewhere.paths.get()
    for body, where in BAD:
        reply = await api("POST", path, user=None, accept=JSON, type=JSON, body=body)
        assert reply.status == 400 and reply.json["invalidInput"]["context"] == where, body
        assert reply.json["invalidInput"]["explanation"]
    assert (await api("POST", path, user=None, type=JSON, body=b'{"log": "\xff"}')).status == 400
    for method in ("GET", "PUT", "DELETE"):
        assert (await api(method, path, user="admin")).status in (401, 405), method
    # Whoever has no token is told nothing but that.
    for wrong in ("/APInoauth/step/nothing", path + "x", path.replace("step/", "step/x")):
        reply = await api("POST", wrong, user="admin", accept=TEXT, type=JSON, body="{")
        assert reply.status == 404
        assert wrong.rpartition("/")[2] not in reply.text
    assert (await api("POST", path, user=None, body='{"outcome": "done", "data": {"a": [1.5, "x"]}}')).status == 200
    job = await engine.until(id)
    assert job.data["a"] == ["1.5", "x"]
    await api("DELETE", f"/API/job?id={id}")
    assert (await api("POST", path, user=None, body='{"outcome": "done"}')).status == 404


async def test_the_first_outcome_counts(api: Api, engine: Engine, elsewhere: Elsewhere) -> None:
    id = await api.create()
    path = await elsewhere.paths.get()
    assert (await api("POST", path, user=None, body='{"log": "first"}')).status == 200
    bodies = [f'{{"outcome": "done", "data": {{"a": {number}}}, "log": "{number}"}}' for number in range(8)]
    replies = await asyncio.gather(*(api("POST", path, user=None, body=body) for body in bodies))
    assert [reply.status for reply in replies] == [200] * 8
    async with engine.database.session() as session:
        verdict = await session._connection.fetchval("SELECT verdict FROM remote_call")
    assert (await api("POST", path, user=None, body='{"outcome": "fail", "log": "late"}')).status == 200
    assert (await api("POST", path, user=None, body='{"log": "late"}')).status == 200
    elsewhere.calls.start()
    job = await engine.until(id)
    assert job.state is JobState.FINISHED
    assert job.data["a"] == verdict["data"]["a"]
    assert job.log is not None and [note.text for note in job.log[0].notes] == ["first", *job.data["a"]]
