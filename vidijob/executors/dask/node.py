"""What runs on a worker of the cluster, in one of its threads: one attempt of a step, with an event loop of its own.

It begins when its dispatcher says so and not before, tells what the step tells, and ends the step, with the whole process group
of what that has started, when it is told to stop or has not been asked to keep it for ``PATIENCE`` seconds.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

from distributed import get_worker

from vidijob.errors import SetupError
from vidijob.executors.base import Fail, Outcome, Retry
from vidijob.executors.dask.relay import Relay
from vidijob.executors.dask.words import PATIENCE, Order, outcome_document
from vidijob.executors.registry import Registry
from vidijob.jobs import policy

_log = logging.getLogger(__name__)

#: Makes the executors of a node by what the dispatcher's settings say; the second is how many steps run on it at once.
Build = Callable[[Mapping[str, Any], int], Registry]

#: Seconds between two times that what a step tells is passed on.
_TELL = 0.25
#: Those of this process, by their leases.
_attempts: dict[int, _Attempt] = {}


def carry_out(document: Mapping[str, Any], build: Build) -> None:
    """Carry out one attempt; how it ended goes to the dispatcher like all that it tells, not to the cluster."""
    order = Order(**document)
    worker = get_worker()

    def send(news: Mapping[str, Any]) -> None:
        # As JSON: names of files may hold what is no text to others.
        worker.log_event(order.topic, {"lease": order.lease, "news": json.dumps(news)})

    async def attempt() -> None:
        await _Attempt(order, send, lambda: build(order.settings, worker.state.nthreads)).run(worker.address)

    with asyncio.Runner() as runner:
        runner.run(attempt())


def keep(leases: Iterable[int]) -> None:
    """Let attempts begin, or go on; called in the thread of the worker's own loop."""
    for lease in leases:
        if (attempt := _attempts.get(lease)) is not None:
            attempt.keep()


def stop(leases: Iterable[int]) -> None:
    """End attempts; called in the thread of the worker's own loop."""
    for lease in leases:
        if (attempt := _attempts.get(lease)) is not None:
            attempt.stop()


async def look(type: str, data: Mapping[str, str], settings: Mapping[str, Any], build: Build) -> bool:
    """Tell whether the condition of a problem holds no longer, as this node sees it."""
    return await build(settings, 1).is_gone(type, data)


class _Attempt:
    """One attempt as it runs; made on its loop."""

    def __init__(self, order: Order, send: Callable[[Mapping[str, Any]], None], build: Callable[[], Registry]) -> None:
        self._order = order
        self._send = send
        self._build = build
        self._relay = Relay(order, send)
        self._loop = asyncio.get_running_loop()
        self._told = asyncio.Event()
        self._kept = 0.0
        self._stopped = False

    async def run(self, address: str) -> None:
        """Ask, run, tell how it ended; what may not begin tells nothing."""
        _attempts[self._order.lease] = self
        try:
            self._send({"here": address})
            async with asyncio.timeout(PATIENCE):
                await self._told.wait()
            outcome = None if self._stopped else await self._watched()
            self._relay.flush()
            self._send({"outcome": None if outcome is None else outcome_document(outcome)})
        except TimeoutError:
            _log.info("step %d of job %s: its dispatcher does not want it", self._order.step, self._order.job)
        finally:
            del _attempts[self._order.lease]

    def keep(self) -> None:
        """Let it begin, or go on for a while; from any thread."""
        self._kept = time.monotonic()
        self._call()

    def stop(self) -> None:
        """Have it end soon; from any thread."""
        self._stopped = True
        self._call()

    def _call(self) -> None:
        # It may be over meanwhile, and its loop with it.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._told.set)

    async def _watched(self) -> Outcome | None:
        """Run it and return its outcome; ``None`` where it was ended from outside."""
        task = asyncio.create_task(self._outcome())
        while not task.done():
            await asyncio.wait({task}, timeout=_TELL)
            self._relay.flush()
            if not task.done() and (self._stopped or time.monotonic() - self._kept > PATIENCE):
                task.cancel()
                await asyncio.wait({task})
                return None
        return task.result()

    async def _outcome(self) -> Outcome:
        order = self._order
        clock = asyncio.timeout(None)
        try:
            registry = self._build()
            if not registry.has(order.executor, order.method):
                return Fail(f"The cluster's node has no method {order.method} of the executor {order.executor}.")
            limit = policy.retry_policy(order.metadata).timeout
            clock = asyncio.timeout(None if limit is None else limit.total_seconds())
            async with clock:
                outcome = await registry.get(order.executor).run(self._relay)
            json.dumps(outcome_document(outcome))
            return outcome
        except SetupError as error:
            return Fail(f"On the cluster's node: {error}")
        except Exception as error:
            if isinstance(error, TimeoutError) and clock.expired():
                return Retry("It took longer than the time that the step has.")
            return Fail("A bug in the executor: " + traceback.format_exc(limit=-5))
