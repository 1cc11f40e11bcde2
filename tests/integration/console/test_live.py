"""What happens reaches open pages: each event once, in order, whoever else looks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient

from tests.integration.console.conftest import Browser
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.console.live import LIVE, Live
from vidijob.engine.feed import Feed, Happening
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.jobs.model import JobId, StepNumber
from vidijob.store import users
from vidijob.store.database import Database
from vidijob.store.feed import Event


class Page:
    """An open page: what it was told, as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def told(self) -> tuple[str, Any]:
        """Return the next thing that it is told: its name and its value; raises ``EOFError`` at the end."""
        name = ""
        async with asyncio.timeout(10):
            while True:
                line = (await self._answer.content.readline()).decode()
                if not line:
                    raise EOFError
                if line.startswith("event: "):
                    name = line[7:].strip()
                if line.startswith("data: "):
                    return name, json.loads(line[6:])

    async def changes_until(self, state: str) -> list[list[Any]]:
        """Return the changes that it is told of until a job is in a state."""
        found: list[list[Any]] = []
        while not any(step is None and new == state for _, step, new in found):
            name, news = await self.told()
            found += news["changes"] if name == "news" else []
        return found


@asynccontextmanager
async def opened(browser: Browser) -> AsyncIterator[Page]:
    """Open the stream of a page."""
    async with browser.session.get(browser.base + "/live") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        page = Page(answer)
        assert (await page.told())[0] == "pace"
        yield page


async def test_each_event_comes_once_in_order_to_all_that_look(browser: Browser, engine: Engine) -> None:
    release = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        step.progress(25, 100, "percent")
        await release.wait()
        return Done()

    await browser.log_in("lister")
    engine.worker(ScriptedExecutor(work=work))
    engine.scheduler()
    async with opened(browser) as one, opened(browser) as other:
        id = await engine.submit()
        while (told := await one.told())[1].get("progress", []) != [[id, 100, 25.0, 100.0, "percent"]]:
            assert told[0] == "news"
        release.set()
        await engine.until(id)
        rest = await one.changes_until("FINISHED")
        heard = await other.changes_until("FINISHED")
    wanted = [[f"VX-{job}", step, new] for job, step, _, new in await engine.events()]
    end = wanted.index([id, None, "FINISHED"]) + 1
    assert heard[:end] == wanted[:end]
    assert rest == heard[-len(rest) :]


async def test_nothing_is_missed_or_repeated_while_an_older_transaction_is_open(
    engine: Engine, database: Database
) -> None:
    feed, heard = Feed(database, engine.bell), list[Happening]()
    await feed.listen(heard.append)
    async with database.transaction() as session:
        # It has a number, and has written nothing that others see.
        await session.script("SELECT pg_current_xact_id()")
        first = await engine.submit()
        await asyncio.sleep(0.11)
        await feed.tick()
        second = await engine.submit()
        await asyncio.sleep(0.11)
        await feed.tick()
        await users.add(session, "late", "x", [])
    third = await engine.submit()
    async with asyncio.timeout(20):
        # Some other transaction may be open for a while.
        while third not in [f"VX-{event.job}" for one in heard for event in one.events]:
            await asyncio.sleep(0.11)
            await feed.tick()
    await asyncio.sleep(0.11)
    await feed.tick()
    told = [event.job for one in heard for event in one.events]
    assert told == [int(id.partition("-")[2]) for id in (first, second, third)]


async def test_an_open_transaction_makes_no_flood_of_what_was_told(engine: Engine, database: Database) -> None:
    feed, heard = Feed(database, engine.bell), list[Happening]()
    await feed.listen(heard.append)
    async with database.transaction() as session:
        await session.script("SELECT pg_current_xact_id()")
        async with database.session() as other:
            await other.script(
                "INSERT INTO event (job_id, new_state, actor) SELECT n, 'READY', 'x' FROM generate_series(1, 2500) n"
            )
        await feed.look(0)
        await session.script("INSERT INTO event (job_id, new_state, actor) VALUES (3000, 'READY', 'late')")
        await engine.submit()
        await feed.look(1)
    await feed.look(2)
    await feed.look(3)
    assert [(one.flood, len(one.events)) for one in heard] == [(True, 2000), (False, 1), (False, 1)]
    assert [one.job for one in heard[2].events] == [3000]


async def test_nobody_looks_at_the_log_while_no_page_is_open(
    browser: Browser, server: TestClient[web.Request, web.Application], engine: Engine
) -> None:
    await browser.log_in("lister")
    async with opened(browser):
        pass
    assert server.app is not None
    live = server.app[LIVE]
    async with asyncio.timeout(5):
        while live._pages:
            await asyncio.sleep(0.02)
    assert live._feed._hearers == []
    await engine.submit()
    async with opened(browser) as page:
        after = await engine.submit()
        assert await page.changes_until("READY") == [[after, None, "READY"]]


async def test_too_much_at_once_is_a_word_not_a_flood(engine: Engine, database: Database) -> None:
    live = Live(Feed(database, engine.bell), "VX")
    page = await live.open()
    live.tell(Happening([Event(1, JobId(1), StepNumber(100), None, "READY")], (), flood=True))
    assert page.get_nowait() == b"event: flood\ndata: {}\n\n"
    live.leave(page)


async def test_a_page_that_does_not_take_it_is_let_go_and_the_others_are_not(
    engine: Engine, database: Database
) -> None:
    live = Live(Feed(database, engine.bell), "VX")
    slow, quick = await live.open(), await live.open()
    for number in range(150):
        live.tell(Happening([Event(number, JobId(number), None, None, "READY")]))
        assert b'"changes"' in (quick.get_nowait() or b"")
    assert slow.get_nowait() is None
    live.close()
    assert quick.get_nowait() is None
    assert (await live.open()).get_nowait() is None


async def test_who_may_not_read_jobs_is_told_nothing(browser: Browser) -> None:
    assert (await browser.get("/live", follow=False)).status == 303
    await browser.log_in("nobody")
    assert (await browser.get("/live")).status == 403


async def test_who_has_logged_out_is_told_no_more(
    browser: Browser, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vidijob.console.live._ASK", 0.0)
    await browser.log_in("lister")
    async with opened(browser) as page:
        await engine.submit()
        await page.changes_until("READY")
        await browser.send("/logout", [], "/jobs")
        await engine.submit()
        with pytest.raises(EOFError):
            while True:
                await page.told()
