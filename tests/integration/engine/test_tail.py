"""The end of the event log: each follower hears everything once and in order, from wherever it left off, in whichever process."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import pytest

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from vidijob.engine import tail as tails
from vidijob.engine.tail import News, Tail, Told
from vidijob.errors import Invalid, Unavailable
from vidijob.jobs.model import JobId, Priority
from vidijob.store import users
from vidijob.store.database import Database


@asynccontextmanager
async def following(engine: Engine, database: Database) -> AsyncIterator[Tail]:
    """Run a process's reader."""
    tail = Tail(database, engine.bell)
    tail.start()
    try:
        yield tail
    finally:
        await tail.stop()


async def take(news: AsyncGenerator[News], number: int) -> list[Told]:
    """Take so many events, and whatever came with the last."""
    found: list[Told] = []
    async with asyncio.timeout(15):
        while len(found) < number:
            found += (await anext(news)).told
    return found


def ids(told: Sequence[Told]) -> list[int]:
    return [one.event.id for one in told]


async def logged(engine: Engine) -> list[int]:
    """Return all that is in the log."""
    async with engine.database.session() as session:
        return [row[0] for row in await session._connection.fetch("SELECT id FROM happened ORDER BY id")]


async def test_each_event_comes_once_in_order_from_every_place_in_another_process(
    engine: Engine, database: Database, url: str
) -> None:
    second = Database(lambda: url, connections=3)
    await second.open()
    async with (
        following(engine, database) as one,
        following(engine, second) as other,
        aclosing(one.follow(None)) as news,
    ):
        start = (await anext(news)).place
        engine.worker(ScriptedExecutor())
        engine.scheduler()
        for id in [await engine.submit() for _ in range(5)]:
            await engine.until(id)
        wanted = await logged(engine)
        told = await take(news, len(wanted))
        assert sorted(ids(told)) == wanted, "each once"
        for job in {one.event.job for one in told}:
            assert [one.event.new for one in told if one.event.job == job and one.event.step is None] == [
                "READY", "STARTED", "FINISHED",
            ]  # fmt: skip
        assert {one.type for one in told} == {"WORK"}
        # From the beginning, and from behind each of them.
        for place, rest in ((start, told), *((one.place, told[n + 1 :]) for n, one in enumerate(told))):
            async with aclosing(other.follow(place)) as again:
                await anext(again)
                assert ids(await take(again, len(rest))) == ids(rest)
        # And further, while more happens.
        middle = told[len(told) // 2]
        async with aclosing(other.follow(middle.place)) as again:
            await engine.until(await engine.submit())
            wanted = [id for id in await logged(engine) if id not in ids(told)]
            rest = told[len(told) // 2 + 1 :]
            heard = ids(await take(again, len(rest) + len(wanted)))
            assert heard[: len(rest)] == ids(rest) and sorted(heard[len(rest) :]) == wanted
    await second.close()


async def test_who_goes_from_process_to_process_while_transactions_overlap_hears_each_once(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids are given long before commits, in another order; stretches end where they end in each process."""
    monkeypatch.setattr(tails, "_PAGE", 7)
    chance = random.Random(9)

    async def write(writer: int) -> None:
        for number in range(5):
            async with database.transaction() as session:
                for _ in range(chance.randint(1, 4)):
                    await session._connection.execute(
                        "INSERT INTO event (job_id, new_state, actor) VALUES ($1, $2, 'x')", writer, str(number)
                    )
                    await asyncio.sleep(chance.random() / 50)
            engine.bell.ring("vidijob_event")

    async with (
        following(engine, database) as one,
        following(engine, database) as other,
        aclosing(one.follow(None)) as news,
        aclosing(other.follow(None)) as stays,
    ):
        place, heard = (await anext(news)).place, list[Told]()
        await anext(stays)
        writers = [asyncio.create_task(write(writer)) for writer in range(1, 5)]
        hops = 0
        while not all(writer.done() for writer in writers) or len(heard) < len(await logged(engine)):
            hops += 1
            async with aclosing(chance.choice((one, other)).follow(place)) as hop:
                await anext(hop)
                told = await take(hop, 1)
            # It may have gone before it took all that it was sent.
            told = told[: chance.randint(1, len(told))]
            heard, place = heard + told, told[-1].place
        wanted = await logged(engine)
        assert sorted(ids(heard)) == wanted and hops > 3
        assert sorted(ids(await take(stays, len(wanted)))) == wanted
        for writer in range(1, 5):
            mine = [one.event.id for one in heard if one.event.job == writer]
            assert mine == sorted(mine)


async def test_nothing_is_told_before_what_an_older_transaction_may_still_enter(
    engine: Engine, database: Database
) -> None:
    async with following(engine, database) as tail, aclosing(tail.follow(None)) as news:
        await anext(news)
        async with database.transaction() as session:
            await session._connection.execute(
                "INSERT INTO event (job_id, old_state, new_state, actor) VALUES (77, NULL, 'READY', 'x')"
            )
            await engine.submit()
            waiting = asyncio.ensure_future(take(news, 2))
            await asyncio.sleep(0.4)
            assert not waiting.done()
            await users.add(session, "late", "x", [])
        assert [one.event.job for one in await waiting] == [77, 1]


async def test_who_falls_behind_misses_nothing_and_nothing_is_kept_for_it(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "_MOST_WAITING", 5)
    monkeypatch.setattr(tails, "_PAGE", 4)
    async with following(engine, database) as tail:
        async with aclosing(tail.follow(None)) as slow, aclosing(tail.follow(None)) as quick:
            await anext(slow), await anext(quick)
            first = asyncio.ensure_future(anext(slow))
            told: list[Told] = []
            heard: list[Told] = []
            for _ in range(12):
                await engine.submit()
                told += await take(quick, 1)
                if len(told) == 1:
                    # It takes the first, and nothing after that.
                    heard = list((await first).told)
            assert all(len(one.waiting) <= 5 for one in tail._followers)
            assert ids(heard + await take(slow, 11)) == ids(told) == await logged(engine)
            await engine.submit()
            assert ids(await take(slow, 1)) == ids(await take(quick, 1))
        assert tail._followers == set() and tail._place is None


async def test_of_one_job_only_that_is_read(engine: Engine, database: Database) -> None:
    for _ in range(3):
        await engine.submit()
    async with following(engine, database) as tail, aclosing(tail.follow("0", JobId(2))) as news:
        await anext(news)
        (old,) = await take(news, 1)
        await engine.commands.prioritise(ADMIN, "VX-1", Priority.LOW)
        await engine.commands.abort(ADMIN, "VX-1", reason=None, cleanup=False)
        await engine.commands.abort(ADMIN, "VX-2", reason=None, cleanup=False)
        told = await take(news, 1)
    assert [(one.event.job, one.event.new) for one in (old, *told)] == [(2, "READY"), (2, "ABORTED")]


async def test_a_process_that_is_behind_catches_up_first(engine: Engine, database: Database) -> None:
    """A client comes with a place that this process, which looks seldom, has not seen."""
    async with (
        following(engine, database) as one,
        following(engine, database) as other,
        aclosing(one.follow(None)) as news,
        aclosing(other.follow(None)) as waiting,
    ):
        await anext(news), await anext(waiting)
        other._may_look_at = float("inf")
        await engine.submit()
        (told,) = await take(news, 1)
        async with aclosing(other.follow(told.place)) as again:
            await anext(again)
            await engine.submit()
            other._may_look_at = 0
            other._ring()
            assert ids(await take(again, 1)) == (await logged(engine))[-1:]


@pytest.mark.parametrize(
    "place", ["", "x", "1-2", "-1", "1-2-3-4", "9" * 20, "1-1-" + "9" * 19, "\N{DEVANAGARI DIGIT ONE}"]
)
async def test_what_is_no_place(engine: Engine, database: Database, place: str) -> None:
    async with following(engine, database) as tail:
        with pytest.raises(Invalid):
            await anext(tail.follow(place))
        assert tail._following == 0


async def test_places_of_another_database_and_too_many_followers(
    engine: Engine, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tails, "_REACHED", 0.1)
    monkeypatch.setattr(tails, "MOST", 1)
    async with following(engine, database) as tail:
        for place in ("9" * 18, f"0-{'9' * 18}-0"):
            with pytest.raises(Invalid):
                await anext(tail.follow(place))
        async with aclosing(tail.follow(None)) as news:
            await anext(news)
            with pytest.raises(Unavailable):
                await anext(tail.follow(None))
        # An odd one that can be: from the beginning.
        async with aclosing(tail.follow("5-3-0")) as news:
            await anext(news)


async def test_all_are_let_go_when_the_server_stops(engine: Engine, database: Database) -> None:
    async with following(engine, database) as tail, aclosing(tail.follow(None)) as news:
        await anext(news)
        ending = asyncio.ensure_future(_rest(news))
        await asyncio.sleep(0)
        tail.close()
        assert await asyncio.wait_for(ending, 5) == []


async def _rest(news: AsyncGenerator[News]) -> list[Told]:
    return [one async for some in news for one in some.told]
