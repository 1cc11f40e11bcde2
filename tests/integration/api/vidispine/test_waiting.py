"""GET /job/{id} with ``wait``: answered when there is news, whichever process it comes from, and at no cost while there is none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from tests.integration.api.vidispine.conftest import JSON, Api, Finish
from tests.integration.api.vidispine.servers import Other, beside, statements
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.engine import waiting as engine_waiting
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.web import keys


@pytest.fixture
async def other(api: Api, url: str) -> AsyncIterator[Other]:
    """Another server on the database of the first."""
    async with beside(api, url) as other:
        yield other


async def ask(other: Other, path: str, tag: str | None = None) -> tuple[int, dict[str, object], str, float]:
    """Ask for a job; returns status, document, version, and how many seconds it took."""
    began = asyncio.get_running_loop().time()
    headers = {"Accept": JSON} | ({} if tag is None else {"If-None-Match": tag})
    async with other.get(path, headers=headers) as answer:
        document = await answer.json() if answer.status == 200 else {}
        took = asyncio.get_running_loop().time() - began
        return answer.status, document, answer.headers.get("ETag", ""), took


async def waits(other: Other, number: int = 1) -> None:
    """Return when so many requests wait there for a change: each has read its job, and every change from then on is news to it.

    Those that are counted as watchers may not have looked yet.
    """
    watched = other.application[keys.SERVICES].waiting._watched
    async with asyncio.timeout(30):
        while sum(len(one.changed._waiters) for one in watched.values()) < number:
            await asyncio.sleep(0.01)


async def test_what_another_process_changes_is_answered_at_once(api: Api, other: Other) -> None:
    id = await api.create("type=WORK&priority=LOW")
    path = f"/API/job/{id}"
    _, _, tag, _ = await ask(other, path)
    # Known, not known, and not said.
    asked = [asyncio.create_task(ask(other, f"{path}?wait=20", known)) for known in (tag, None)]
    await waits(other, 2)
    assert (await ask(other, f"{path}?wait=20", '"another"'))[3] < 5
    assert (await api("PUT", f"{path}?priority=HIGH")).status == 200
    for status, document, new, took in await asyncio.gather(*asked):
        assert (status, document["priority"]) == (200, "HIGH") and new != tag and took < 10
    # Between two requests too: the version says what the client has.
    assert (await ask(other, f"{path}?wait=20", tag))[3] < 5


async def test_no_news_is_the_end_of_the_time(api: Api, other: Other) -> None:
    id = await api.create("type=WORK")
    _, _, tag, _ = await ask(other, f"/API/job/{id}")
    plain, known, stated = await asyncio.gather(
        ask(other, f"/API/job/{id}?wait=1"),
        ask(other, f"/API/job/{id}?wait=1", tag),
        ask(other, f"/API/job/{id}?wait=1&until=ended,STARTED"),
    )
    assert (plain[0], plain[1]["status"]) == (stated[0], stated[1]["status"]) == (200, "READY")
    assert (known[0], known[2]) == (304, tag)
    assert all(0.9 < took < 5 for *_, took in (plain, known, stated))
    assert (await ask(other, f"/API/job/{id}?wait=9&until=READY"))[3] < 5


async def test_until_a_state_only_that_counts(api: Api, other: Other, engine: Engine) -> None:
    go_on, path = asyncio.Event(), f"/API/job/{await api.create()}"

    async def work(step: StepContext) -> Outcome:
        await go_on.wait()
        return Done()

    ended = asyncio.create_task(ask(other, f"{path}?wait=30&until=ended"))
    started = asyncio.create_task(ask(other, f"{path}?wait=30&until=STARTED"))
    await waits(other, 2)
    await api("PUT", f"{path}?priority=LOW")
    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    _, document, tag, _ = await started
    assert document["status"] == "STARTED" and not ended.done()
    go_on.set()
    _, document, tag, _ = await ended
    assert document["status"] == "FINISHED"
    # After the end there is nothing to wait for, whatever is asked.
    for query in ("", "&until=READY", "&until=ended"):
        for known, status in ((None, 200), (tag, 304)):
            answer = await ask(other, f"{path}?wait=30{query}", known)
            assert answer[0] == status and answer[3] < 5


async def test_each_change_is_one_answer(api: Api, other: Other, engine: Engine) -> None:
    """What a step tells while it runs, too: a client that waits sees all of it with a handful of requests."""
    go_on = asyncio.Event()
    tells: list[Callable[[StepContext], None]] = [
        lambda step: step.progress(1, 10, "percent"),
        lambda step: step.note("half way"),
        lambda step: step.tell({"transcodeProgress": ["50"]}),
    ]

    async def work(step: StepContext) -> Outcome:
        for tell in tells if step.step == 100 else ():
            await go_on.wait()
            go_on.clear()
            tell(step)
        return Done()

    path = f"/API/job/{await api.create()}"
    engine.worker(ScriptedExecutor(work=work))
    _, document, tag, _ = await ask(other, path)
    engine.scheduler()
    requests, seen = 0, set[str]()
    while document["status"] != "FINISHED":
        status, document, tag, took = await ask(other, f"{path}?wait=30", tag)
        requests += 1
        assert status == 200 and took < 15
        text = str(document)
        seen |= {word for word in ("'percent'", "half way", "transcodeProgress") if word in text}
        go_on.set()
    assert seen == {"'percent'", "half way", "transcodeProgress"} and requests < 20


async def test_a_job_that_goes_while_it_is_waited_for(api: Api, other: Other, finish: Finish, engine: Engine) -> None:
    path = f"/API/job/{await api.create()}"
    asked = asyncio.create_task(ask(other, f"{path}?wait=30"))
    await waits(other)
    async with engine.database.session() as session:
        await session._connection.execute("DELETE FROM job")
    assert (await asked)[0] == 404
    assert (await ask(other, "/API/job/VX-999?wait=30"))[0] == 404


@pytest.mark.parametrize("query", ["wait=51", "wait=-1", "wait=soon", "wait=5&until=done", "until=FINISHED,x"])
async def test_what_cannot_be_waited_for(api: Api, query: str) -> None:
    id = await api.create()
    assert (await api("GET", f"/API/job/{id}?{query}")).status == 400
    assert (await api("GET", f"/API/job/{id}?wait=5", user="nobody")).status == 403


async def test_who_hangs_up_is_forgotten(api: Api, other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_waiting, "_ASK", 0.1)
    id = await api.create()
    asked = asyncio.create_task(ask(other, f"/API/job/{id}?wait=50"))
    await waits(other)
    asked.cancel()
    room = other.application[keys.SERVICES].waiting
    async with asyncio.timeout(5):
        while room._watchers:
            await asyncio.sleep(0.02)
    assert not room._watched


async def test_a_thousand_who_wait_cost_nothing_until_there_is_news(api: Api, other: Other, engine: Engine) -> None:
    ids = [await api.create() for _ in range(10)]
    await ask(other, "/API/job/VX-1")
    asked = dict[str, list[asyncio.Task[tuple[int, dict[str, object], str, float]]]]()
    for number, id in enumerate(ids, 1):
        # Not all at once: on a slow machine some would wait too long for one of the few connections.
        asked[id] = [asyncio.create_task(ask(other, f"/API/job/{id}?wait=50")) for _ in range(100)]
        await waits(other, 100 * number)
    room = other.application[keys.SERVICES].waiting
    # All that came has been read once, and what it rang for has been looked at.
    before = -1
    while before != (before := statements()):
        await asyncio.sleep(0.3)
    await asyncio.sleep(1)
    assert statements() - before <= 2, "one look for all of them, every few seconds"
    assert len(room._watched) == 10
    await api("PUT", f"/API/job/{ids[0]}?priority=LOW")
    news = await asyncio.gather(*asked.pop(ids[0]))
    assert {document["priority"] for _, document, _, _ in news} == {"LOW"}
    assert not any(task.done() for tasks in asked.values() for task in tasks)
    # A server that stops lets all of them go, each with an answer.
    room.close()
    left = await asyncio.gather(*(task for tasks in asked.values() for task in tasks))
    assert {status for status, _, _, _ in left} == {200} and room._watchers == 0
    assert (await ask(other, f"/API/job/{ids[0]}?wait=50"))[3] < 5


async def test_too_many_are_told_to_come_again(api: Api, other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_waiting, "MOST", 2)
    id = await api.create()
    asked = [asyncio.create_task(ask(other, f"/API/job/{id}?wait=50")) for _ in range(2)]
    await waits(other, 2)
    async with other.get(f"/API/job/{id}?wait=50") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert (await ask(other, f"/API/job/{id}"))[0] == 200
    other.application[keys.SERVICES].waiting.close()
    assert {status for status, _, _, _ in await asyncio.gather(*asked)} == {200}


async def test_the_other_forms_wait_as_well(api: Api, other: Other, finish: Finish) -> None:
    id = await api.create()
    asked = []
    for accept in ("application/xml", "text/plain"):
        headers = {"Accept": accept}
        asked.append(asyncio.create_task(_read(other, f"/API/job/{id}?wait=30&until=ended", headers)))
    await waits(other, 2)
    await finish(id)
    xml, text = await asyncio.gather(*asked)
    assert b"FINISHED" in xml and text == b"FINISHED"


async def _read(other: Other, path: str, headers: dict[str, str]) -> bytes:
    async with other.get(path, headers=headers) as answer:
        assert answer.status == 200 and answer.headers["Content-Type"].startswith(headers["Accept"])
        return await answer.read()
