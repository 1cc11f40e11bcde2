"""What is waiting goes together; nobody pays for another's item, and nobody is forgotten."""

from __future__ import annotations

import asyncio
import random

import pytest

from vidijob.engine.batch import Batch
from vidijob.errors import Unavailable


class Store:
    """Answers ten times each item, when it is let; remembers what came together."""

    def __init__(self, *, held: bool = False) -> None:
        self.flushes: list[list[int]] = []
        self.open = asyncio.Event()
        self.bad: dict[int, Exception] = {}
        if not held:
            self.open.set()

    async def __call__(self, items: list[int]) -> list[int]:
        """Flush."""
        self.flushes.append(items)
        await self.open.wait()
        for item in items:
            if item in self.bad:
                raise self.bad[item]
        return [10 * item for item in items]


async def adding(batch: Batch[int, int], *items: int) -> list[asyncio.Task[int]]:
    """Hand in items, and return when the batch has them."""
    tasks = [asyncio.create_task(batch.add(item)) for item in items]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_one_item_is_flushed_at_once() -> None:
    store = Store()
    assert await Batch(store).add(1) == 10
    assert store.flushes == [[1]]


async def test_what_is_added_while_flushing_goes_together_in_order() -> None:
    store = Store(held=True)
    batch = Batch(store)
    tasks = await adding(batch, 1)
    tasks += await adding(batch, 2, 3)
    tasks += await adding(batch, 4)
    assert store.flushes == [[1]]
    store.open.set()
    assert await asyncio.gather(*tasks) == [10, 20, 30, 40]
    assert store.flushes == [[1], [2, 3, 4]]


async def test_what_is_added_in_one_breath_goes_together() -> None:
    store = Store()
    batch = Batch(store)
    assert await asyncio.gather(*(batch.add(item) for item in range(5))) == [0, 10, 20, 30, 40]
    assert store.flushes == [[0, 1, 2, 3, 4]]


async def test_at_most_so_many_go_together() -> None:
    store = Store()
    batch = Batch(store, most=2)
    assert await asyncio.gather(*(batch.add(item) for item in range(5))) == [0, 10, 20, 30, 40]
    assert store.flushes == [[0, 1], [2, 3], [4]]


async def test_it_works_again_after_it_was_idle() -> None:
    store = Store()
    batch = Batch(store)
    assert [await batch.add(item) for item in (1, 2, 3)] == [10, 20, 30]
    assert store.flushes == [[1], [2], [3]]


async def test_one_bad_item_does_not_spoil_the_others() -> None:
    store = Store()
    store.bad[2] = ValueError("two")
    batch = Batch(store)
    answers = await asyncio.gather(*(batch.add(item) for item in (1, 2, 3)), return_exceptions=True)
    assert (answers[0], answers[2]) == (10, 30)
    assert answers[1] is store.bad[2]
    assert store.flushes == [[1, 2, 3], [1], [2], [3]]
    assert await batch.add(4) == 40


async def test_when_the_world_is_not_ready_all_are_told_and_nothing_is_tried_again() -> None:
    store = Store()
    store.bad[2] = Unavailable("The database", "gone")
    batch = Batch(store)
    answers = await asyncio.gather(*(batch.add(item) for item in (1, 2, 3)), return_exceptions=True)
    assert answers == [store.bad[2]] * 3
    assert store.flushes == [[1, 2, 3]]
    assert await batch.add(4) == 40


async def test_a_caller_that_goes_away_during_the_flush_takes_nothing_with_it() -> None:
    store = Store(held=True)
    batch = Batch(store)
    gone, stays = await adding(batch, 1, 2)
    (later,) = await adding(batch, 3)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    store.open.set()
    assert list(await asyncio.gather(stays, later)) == [20, 30]
    assert store.flushes == [[1, 2], [3]]


async def test_the_item_of_a_caller_that_went_away_before_the_flush_is_not_lost() -> None:
    store = Store(held=True)
    batch = Batch(store)
    (first,) = await adding(batch, 1)
    gone, stays = await adding(batch, 2, 3)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    store.open.set()
    assert list(await asyncio.gather(first, stays)) == [10, 30]
    assert store.flushes == [[1], [2, 3]]


async def test_the_last_caller_may_go_away_as_well() -> None:
    store = Store(held=True)
    batch = Batch(store)
    tasks = await adding(batch, 1, 2)
    store.bad[2] = ValueError("nobody hears this")
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    store.open.set()
    assert await batch.add(3) == 30
    assert store.flushes == [[1, 2], [1], [2], [3]]


async def test_a_thousand_callers_of_whom_many_go_away() -> None:
    chance = random.Random(7)
    flushed: list[int] = []

    async def flush(items: list[int]) -> list[int]:
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
        flushed.extend(items)
        return [10 * item for item in items]

    batch = Batch(flush, most=7)
    tasks: list[asyncio.Task[int]] = []
    gone: set[int] = set()
    for item in range(1000):
        tasks.append(asyncio.create_task(batch.add(item)))
        if chance.random() < 0.3:
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            # Cancelled before its first step, it has handed in nothing yet.
            victim = chance.randrange(max(0, item - 20), item + 1)
            if tasks[victim].cancel():
                gone.add(victim)
    answers = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 20)
    await batch.add(1000)
    for item, answer in enumerate(answers):
        if item in gone:
            assert isinstance(answer, asyncio.CancelledError)
        else:
            assert answer == 10 * item
    assert 50 < len(gone) < 400
    assert flushed == sorted(set(flushed))
    assert set(range(1001)) - gone <= set(flushed)


async def test_nobody_waits_long_for_a_flush_that_hangs_where_there_are_several_lanes() -> None:
    stuck, flushes = asyncio.Event(), list[list[int]]()

    async def flush(items: list[int]) -> list[int]:
        flushes.append(items)
        if 1 in items or 3 in items:
            await stuck.wait()
        return [10 * item for item in items]

    batch = Batch(flush, lanes=2, late=0.01)
    first = asyncio.create_task(batch.add(1))
    while not flushes:
        await asyncio.sleep(0)
    # Both what came before the first was late and what comes after.
    assert await asyncio.wait_for(batch.add(2), 5) == 20
    assert await asyncio.wait_for(batch.add(20), 5) == 200
    third = asyncio.create_task(batch.add(3))
    await asyncio.sleep(0.05)
    # Now all lanes hang.
    last = asyncio.create_task(batch.add(4))
    await asyncio.sleep(0.05)
    assert not first.done() and not third.done() and not last.done()
    stuck.set()
    assert [await one for one in (first, third, last)] == [10, 30, 40]
    assert await asyncio.gather(*(batch.add(item) for item in range(5, 8))) == [50, 60, 70]
    assert sorted(item for items in flushes for item in items) == [1, 2, 3, 4, 5, 6, 7, 20]


async def test_with_several_lanes_what_comes_in_one_breath_goes_together() -> None:
    store = Store()
    batch = Batch(store, lanes=3)
    assert await asyncio.gather(*(batch.add(item) for item in range(5))) == [0, 10, 20, 30, 40]
    assert store.flushes == [[0, 1, 2, 3, 4]]
    assert await batch.add(5) == 50
