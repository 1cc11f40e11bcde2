"""Delivers what is in the outbox: lane by lane, in each one after the other, again and again until the receiver has taken
it or its tries are used up. Any number of senders may run. It knows neither HTTP nor documents.

What is sent is entered as begun before, and its outcome after: a sender that is killed between lets another send it again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Protocol
from uuid import UUID

from vidijob.engine.bell import Bell
from vidijob.engine.loop import Loop, promptly
from vidijob.errors import Unavailable
from vidijob.jobs.deliveries import LaneHold, Letter, Reply, pause
from vidijob.observability import metrics
from vidijob.store import deliveries
from vidijob.store.database import Database

_log = logging.getLogger(__name__)

#: A lane is another sender's so long after it was last held on to.
LEASE = timedelta(seconds=10)
_BEAT = 3.0
_POLL = 2.0
#: Lanes served at once by one sender; of these, lanes whose last try failed, and lanes of one host.
_MOST = 512
_MOST_TROUBLED = 256
_MOST_OF_A_HOST = 8
#: Statements at once.
_STATEMENTS = 3
_LONGEST_ERROR = 500
#: Before an outcome is entered once more when the database is away, in seconds: together less than a lease lasts.
_AGAIN = (0.1, 0.4, 1.0, 2.0, 4.0)


class Deliver(Protocol):
    """Calls a receiver."""

    async def __call__(self, letter: Letter, /) -> Reply:
        """Try once; returns what became of it, and raises nothing for what a receiver can do wrong."""
        ...


class _Served:
    """A lane that is being served."""

    def __init__(self, hold: LaneHold) -> None:
        self.hold = hold
        self.task: asyncio.Task[None] | None = None


class Sender:
    """Takes lanes that can be served, and serves each in a task of its own."""

    def __init__(self, database: Database, bell: Bell, deliver: Deliver) -> None:
        self._database = database
        self._deliver = deliver
        self._served: dict[UUID, _Served] = {}
        self._statements = asyncio.Semaphore(_STATEMENTS)
        self._stopping = False
        self._chance = random.Random()
        self._claims = Loop("sender", self.tick)
        self._beats = Loop("sender's beat", self._beat)
        bell.on("vidijob_delivery", self._claims.wake)

    def start(self) -> None:
        """Begin to send."""
        self._claims.start()
        self._beats.start()

    async def stop(self) -> None:
        """Send no more; what is being sent is broken off, and sent again by another."""
        self._stopping = True
        await self._claims.stop()
        served = list(self._served.values())
        tasks = [one.task for one in served if one.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._beats.stop()

    async def tick(self) -> float:
        """Take what can be served; returns the seconds until it is worth another look unasked."""
        hosts = Counter(one.hold.host for one in self._served.values())
        troubled = sum(one.hold.failures > 0 for one in self._served.values())
        free = _MOST - len(self._served)
        if self._stopping or free <= 0:
            return _POLL
        async with self._statements:
            holds = await deliveries.claim(
                self._database,
                full=[host for host, lanes in hosts.items() if lanes >= _MOST_OF_A_HOST],
                per_host=_MOST_OF_A_HOST,
                sound=free,
                troubled=max(min(free, _MOST_TROUBLED - troubled), 0),
                lease=LEASE,
            )
        for hold in holds:
            one = self._served[hold.lane] = _Served(hold)
            one.task = asyncio.create_task(self._serve(one), name=f"lane {hold.lane}")
        return 0 if holds else _POLL

    async def _beat(self) -> float:
        served = list(self._served.values())
        if served:
            held = await promptly(deliveries.beat(self._database, [one.hold for one in served], LEASE))
            for one in served:
                if one.hold.lane not in held and one.task is not None:
                    # Another may be serving it already.
                    one.task.cancel()
        return _BEAT

    async def _serve(self, one: _Served) -> None:
        try:
            while await self._next(one):
                pass
        except asyncio.CancelledError:
            if self._stopping:
                await self._give_back(one.hold)
        except Unavailable as error:
            _log.warning("a lane of %s: %s; it is served again when its lease has run out", one.hold.host, error)
        except Exception:
            _log.exception("a lane of %s: a bug; it is served again when its lease has run out", one.hold.host)
        finally:
            if self._served.get(one.hold.lane) is one:
                del self._served[one.hold.lane]
            self._claims.wake()

    async def _next(self, one: _Served) -> bool:
        """Send the next of a lane; tells whether to go on with it."""
        async with self._statements:
            begun = await deliveries.begin(self._database, one.hold, LEASE)
            if begun is None:
                return False
            one.hold, letter = begun
            if letter is None:
                return not await deliveries.close(self._database, one.hold)
        began = time.monotonic()
        reply = await self._deliver(letter)
        metrics.DELIVERY_SECONDS.add(seconds=time.monotonic() - began)
        if reply.received:
            metrics.DELIVERIES.add("delivered")
            await self._enter(lambda: deliveries.delivered(self._database, one.hold, letter.id, reply))
            one.hold = replace(one.hold, failures=0)
            return True
        await self._fail(one.hold, letter, reply)
        return False

    async def _fail(self, hold: LaneHold, letter: Letter, reply: Reply) -> None:
        final = letter.failures >= letter.call.retries
        metrics.DELIVERIES.add("given_up" if final else "failed")
        # Where the receiver works and did not want this one, the next need not wait.
        alive = final and reply.alive
        rest = timedelta(0) if alive else pause(hold.failures + 1, self._chance)
        if reply.error is not None:
            reply = replace(reply, error=reply.error[:_LONGEST_ERROR])
        if final:
            _log.warning(
                "delivery %s to %s: given up after %d tries: %s", letter.key, hold.host, letter.attempt, reply.error
            )
        told = reply
        await self._enter(
            lambda: deliveries.failed(self._database, hold, letter.id, told, final=final, pause=rest, alive=alive)
        )
        asyncio.get_running_loop().call_later(rest.total_seconds(), self._claims.wake)

    async def _enter(self, outcome: Callable[[], Awaitable[None]]) -> None:
        """Enter an outcome, again and again while the lane may still be held: otherwise all is sent once more."""
        for delay in _AGAIN:
            try:
                async with self._statements:
                    await outcome()
                return
            except Unavailable:
                await asyncio.sleep(delay)
        await outcome()

    async def _give_back(self, hold: LaneHold) -> None:
        try:
            async with self._statements:
                await deliveries.release(self._database, hold)
        except Unavailable as error:
            _log.warning("a lane of %s: %s; another serves it when its lease has run out", hold.host, error)
