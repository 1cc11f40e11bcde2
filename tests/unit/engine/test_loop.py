"""A loop ticks, is woken, lives through errors, and ends when it is told to."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from itertools import pairwise

import pytest

from vidijob.engine import loop as module
from vidijob.engine.loop import Loop
from vidijob.errors import Unavailable

LONG = 3600.0


class Ticks:
    """Counts ticks, and fails as told."""

    def __init__(self, delay: float = LONG, *errors: Exception) -> None:
        self.count = 0
        self.times: list[float] = []
        self._delay = delay
        self._errors = list(errors)
        self._changed = asyncio.Event()

    async def __call__(self) -> float:
        """Tick."""
        self.count += 1
        self.times.append(asyncio.get_running_loop().time())
        self._changed.set()
        if self._errors:
            raise self._errors.pop(0)
        return self._delay

    async def reach(self, count: int) -> None:
        """Wait until it has ticked so often."""
        async with asyncio.timeout(5):
            while self.count < count:
                self._changed.clear()
                await self._changed.wait()

    @property
    def pauses(self) -> list[float]:
        """The seconds between two ticks."""
        return [after - before for before, after in pairwise(self.times)]


async def test_it_ticks_at_once_and_then_waits() -> None:
    ticks = Ticks()
    loop = Loop("test", ticks)
    assert ticks.count == 0
    loop.start()
    await ticks.reach(1)
    await asyncio.sleep(0.05)
    assert ticks.count == 1
    await loop.stop()
    assert ticks.count == 1


async def test_it_ticks_again_after_the_time_that_the_tick_answered() -> None:
    ticks = Ticks(0.05)
    loop = Loop("test", ticks)
    loop.start()
    await ticks.reach(4)
    await loop.stop()
    assert all(0.03 <= pause < 2 for pause in ticks.pauses)


async def test_what_wakes_it_in_the_time_that_it_gives_others_is_one_tick() -> None:
    ticks = Ticks()
    loop = Loop("test", ticks, later=0.05)
    loop.start()
    await ticks.reach(1)
    for _ in range(3):
        loop.wake()
        await asyncio.sleep(0.005)
    assert ticks.count == 1
    await ticks.reach(2)
    assert ticks.pauses[0] >= 0.05
    await asyncio.sleep(0.1)
    await loop.stop()
    assert ticks.count == 2


async def test_it_is_woken() -> None:
    ticks = Ticks()
    loop = Loop("test", ticks)
    loop.start()
    for count in (1, 2, 3):
        await ticks.reach(count)
        loop.wake()
    await ticks.reach(4)
    await loop.stop()


async def test_many_wakes_are_one_and_one_before_the_start_is_none() -> None:
    ticks = Ticks()
    loop = Loop("test", ticks)
    loop.wake()
    loop.start()
    await ticks.reach(1)
    await asyncio.sleep(0.01)
    assert ticks.count == 1
    for _ in range(10):
        loop.wake()
    await asyncio.sleep(0.05)
    assert ticks.count == 2
    await loop.stop()


async def test_a_wake_during_a_tick_is_not_lost() -> None:
    started, go_on, count = asyncio.Event(), asyncio.Event(), 0

    async def tick() -> float:
        nonlocal count
        count += 1
        started.set()
        await go_on.wait()
        return LONG

    loop = Loop("test", tick)
    loop.start()
    await started.wait()
    loop.wake()
    started.clear()
    go_on.set()
    await asyncio.wait_for(started.wait(), 5)
    assert count == 2
    await loop.stop()


async def test_stopping_lets_the_tick_end_and_no_other_begins() -> None:
    started, go_on, done = asyncio.Event(), asyncio.Event(), 0

    async def tick() -> float:
        nonlocal done
        started.set()
        await go_on.wait()
        done += 1
        return 0

    loop = Loop("test", tick)
    loop.start()
    await started.wait()
    stopping = asyncio.create_task(loop.stop())
    await asyncio.sleep(0.02)
    assert not stopping.done()
    go_on.set()
    await asyncio.wait_for(stopping, 5)
    assert done == 1
    loop.wake()
    await asyncio.sleep(0.02)
    assert done == 1


async def test_it_can_be_stopped_twice_and_by_two_at_once() -> None:
    ticks = Ticks()
    loop = Loop("test", ticks)
    loop.start()
    await ticks.reach(1)
    async with asyncio.timeout(5):
        await asyncio.gather(loop.stop(), loop.stop())
        await loop.stop()


async def test_it_can_be_stopped_before_it_starts_and_does_not_start_then() -> None:
    ticks = Ticks()
    loop = Loop("test", ticks)
    await asyncio.wait_for(loop.stop(), 5)
    loop.start()
    await asyncio.sleep(0.02)
    assert ticks.count == 0
    await asyncio.wait_for(loop.stop(), 5)


async def test_starting_twice_is_starting_once() -> None:
    ticks = Ticks(0.01)
    loop = Loop("test", ticks)
    loop.start()
    loop.start()
    await ticks.reach(3)
    await loop.stop()
    assert all(pause > 0.005 for pause in ticks.pauses)


@pytest.fixture
def steady(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take chance out of the pauses, and make them short."""
    monkeypatch.setattr("random.uniform", lambda low, high: high)
    monkeypatch.setattr(module, "_FIRST_BACK_OFF", 0.02)
    monkeypatch.setattr(module, "_LONGEST_BACK_OFF", 0.08)


@pytest.mark.usefixtures("steady")
@pytest.mark.parametrize("error", [lambda: Unavailable("The database", "gone"), lambda: ValueError("a bug")])
async def test_it_lives_through_errors_and_backs_off_more_and_more(
    error: Callable[[], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    ticks = Ticks(0.0, *(error() for _ in range(5)))
    loop = Loop("test", ticks)
    loop.start()
    await ticks.reach(7)
    await loop.stop()
    for pause, least in zip(ticks.pauses, [0.02, 0.04, 0.08, 0.08, 0.08], strict=False):
        assert least - 0.005 <= pause < least + 1
    assert len([record for record in caplog.records if record.getMessage().startswith("test: ")]) == 5


@pytest.mark.usefixtures("steady")
async def test_a_good_tick_ends_the_backing_off() -> None:
    failures = iter([True, True, True, False, True, False])
    times: list[float] = []
    done = asyncio.Event()

    async def tick() -> float:
        times.append(asyncio.get_running_loop().time())
        if next(failures, None) is None:
            done.set()
            return LONG
        if len(times) in (4, 6):
            return 0.0
        raise Unavailable("The database", "gone")

    loop = Loop("test", tick)
    loop.start()
    await asyncio.wait_for(done.wait(), 5)
    await loop.stop()
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[2] >= 0.075
    assert 0.015 <= pauses[4] < pauses[2]


async def test_a_bug_is_logged_with_its_trace_and_an_absent_database_without(caplog: pytest.LogCaptureFixture) -> None:
    ticks = Ticks(LONG, Unavailable("The database", "gone"), ValueError("a bug"))
    loop = Loop("rescuer", ticks)
    loop.start()
    await ticks.reach(3)
    await loop.stop()
    away, bug = [record for record in caplog.records if record.name == "vidijob.engine.loop"]
    assert (away.levelno, away.exc_info) == (logging.WARNING, None)
    assert away.getMessage() == "rescuer: The database is not available: gone"
    assert bug.levelno == logging.ERROR and bug.exc_info is not None
    assert bug.getMessage().startswith("rescuer: ")


@pytest.mark.usefixtures("steady")
async def test_it_is_soon_back_however_long_the_database_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_BACK_OFF", LONG)
    monkeypatch.setattr(module, "_LONGEST_BACK_OFF", LONG)
    monkeypatch.setattr(module, "_LOOK_AGAIN", 0.02)
    ticks = Ticks(LONG, *(Unavailable("The database", "away") for _ in range(5)))
    loop = Loop("test", ticks)
    loop.start()
    await ticks.reach(6)
    await loop.stop()


async def test_it_can_be_stopped_while_it_backs_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_BACK_OFF", LONG)
    ticks = Ticks(LONG, ValueError("a bug"))
    loop = Loop("test", ticks)
    loop.start()
    await ticks.reach(1)
    await asyncio.sleep(0.01)
    await asyncio.wait_for(loop.stop(), 5)
    assert ticks.count == 1
