"""The connection of a dispatcher to a Dask scheduler, and the steps that it has handed over. It knows no engine.

What a node tells comes as an event of the scheduler; that a step may begin and go on is said to its worker every ``KEEP``
seconds. When the scheduler does not answer, all steps are given up, after their nodes must have done the same.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import uuid4

from distributed import Client, Future
from distributed.scheduler import KilledWorker

from vidijob.errors import Unreachable
from vidijob.executors.base import Fail, Outcome, StepContext, Vanished
from vidijob.executors.dask import node
from vidijob.executors.dask.node import Build
from vidijob.executors.dask.relay import Replay
from vidijob.executors.dask.words import KEEP, PATIENCE, Order, outcome_of
from vidijob.jobs.resources import Resources

_log = logging.getLogger(__name__)

#: Seconds for a connection, and for an answer.
_CONNECT, _ANSWER = 3.0, 4.0
#: For so many seconds a step may wait for a worker that offers what it needs.
_UNOFFERED = 60.0
#: Of a label so much is asked for: it is not used up. A power of two, of which sums are exact.
_LABEL = 2.0**-20


class Unoffered(Unreachable):
    """No worker of the cluster offers what a step needs."""


class _Handed:
    """A step that was handed over."""

    def __init__(self, order: Order, step: StepContext, needed: Resources, future: Future[None]) -> None:
        self.order = order
        self.needed = needed
        self.future = future
        self.replay = Replay(step)
        #: The worker that has it, once it is about to begin.
        self.place: str | None = None
        self.end: asyncio.Future[Outcome | None] = asyncio.get_running_loop().create_future()
        self.unoffered_since: float | None = None
        #: Dask says that it is over; what the node has told of it may still be on its way.
        self.over = False
        #: It is to end: no node may begin it, or go on.
        self.ending = False

    @property
    def wanted(self) -> bool:
        """Tell whether its node is to go on."""
        return not self.ending and not self.end.done()

    def conclude(self, outcome: Outcome | None) -> None:
        """Let it end; the first outcome counts."""
        if not self.end.done():
            self.end.set_result(outcome)

    def fail(self, error: Exception) -> None:
        """Let it end by an error."""
        if not self.end.done():
            self.end.set_exception(error)


class Cluster:
    """One scheduler; ``build`` makes the executors of a node there."""

    def __init__(self, address: str, build: Build, *, patience: float = _UNOFFERED) -> None:
        """``patience`` is for how many seconds a step may wait for a worker that offers what it needs."""
        self.address = address
        #: Under this name nodes tell what this dispatcher is to hear.
        self.topic = f"vidijob-{uuid4()}"
        self._build = build
        self._patience = patience
        self._client: Client | None = None
        self._connecting: asyncio.Task[Client] | None = None
        self._handed: dict[int, _Handed] = {}
        #: Workers that are to be told which steps to go on with, and those who are just being told.
        self._due: set[str] = set()
        self._keeping: dict[str, asyncio.Task[None]] = {}
        self._watch: asyncio.Task[None] | None = None
        self._asleep = asyncio.Event()

    def start(self) -> None:
        """Begin to look after what is handed over."""
        self._watch = asyncio.create_task(self._watching(), name="dask cluster")

    async def stop(self) -> None:
        """Let go of the scheduler; what is still handed over ends by itself."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait({self._watch})
        for task in (*self._keeping.values(), *([self._connecting] if self._connecting is not None else [])):
            task.cancel()
        await self._close()

    async def carry_out(
        self, order: Order, step: StepContext, needed: Resources, taken_over: Callable[[], None]
    ) -> Outcome:
        """Have a step carried out; ``taken_over`` is called when the scheduler has it.

        Raises ``Unreachable`` when the scheduler cannot be reached any more, and ``Unoffered``.
        """
        client = await self._connected()
        handed = _Handed(
            order,
            step,
            needed,
            client.submit(
                node.carry_out,
                order.document(),
                self._build,
                key=f"vidijob-{order.job}-{order.step}-{order.lease}",
                pure=False,
                priority=order.urgency.rank,
                resources={name: _LABEL if name.startswith("label:") else amount for name, amount in needed.items()},
            ),
        )
        self._handed[order.lease] = handed
        self._asleep.set()
        taken_over()
        try:
            outcome = await asyncio.shield(handed.end)
            return outcome if outcome is not None else Vanished(f"It was ended on {handed.place}, by nobody here.")
        except asyncio.CancelledError:
            await self._end(handed)
            raise
        except Unreachable:
            # Nobody may run it again as long as a node may still be at it.
            await asyncio.sleep(PATIENCE if handed.place is not None else 0)
            raise
        finally:
            del self._handed[order.lease]
            handed.future.release()
            if handed.end.done():
                # Nobody may have waited for it.
                handed.end.exception()

    async def offers(self, needed: Resources) -> bool:
        """Tell whether some worker offers what a step needs; raises ``Unreachable``."""
        return any(_fits(needed, worker["resources"]) for worker in (await self._workers()).values())

    async def look(self, type: str, data: Mapping[str, str], settings: Mapping[str, Any]) -> bool:
        """Have a node look whether the condition of a problem holds no longer; raises ``Unreachable``."""
        workers = list(await self._workers())[:1]
        client = await self._connected()
        answers = await self._ask(
            client.run(node.look, type, dict(data), dict(settings), self._build, workers=workers, on_error="ignore")
        )
        return bool(answers) and all(answers.values())

    async def _connected(self) -> Client:
        if self._client is not None and self._client.status == "running":
            return self._client
        if self._connecting is None:
            self._connecting = asyncio.create_task(self._connect())
            self._connecting.add_done_callback(self._forget_connecting)
        # All who want it wait for the same attempt, and one who goes does not end it.
        return await asyncio.shield(self._connecting)

    def _forget_connecting(self, task: asyncio.Task[Client]) -> None:
        self._connecting = None
        if not task.cancelled():
            # Nobody may have waited for it.
            task.exception()

    async def _connect(self) -> Client:
        await self._close()
        try:
            client: Client = await Client(
                self.address, asynchronous=True, timeout=_CONNECT, set_as_default=False, name="vidijob"
            )
        except (OSError, TimeoutError, ValueError) as error:
            raise Unreachable(
                f"The scheduler {self.address} of the cluster: no connection: {_words(error)}."
            ) from error
        client.subscribe_topic(self.topic, self._hear)
        self._client = client
        _log.info("connected to the scheduler %s", self.address)
        return client

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError, TimeoutError, asyncio.CancelledError):
                async with asyncio.timeout(_ANSWER):
                    await client.close()

    async def _ask(self, asking: Any) -> Any:
        try:
            async with asyncio.timeout(_ANSWER):
                return await asking
        except TimeoutError:
            raise Unreachable(f"The scheduler {self.address} of the cluster does not answer.") from None
        except (OSError, AttributeError, ValueError) as error:
            # A client that is just losing its connection has no scheduler any more.
            raise Unreachable(f"The scheduler {self.address} of the cluster: {_words(error)}.") from error

    async def _workers(self) -> Mapping[str, Any]:
        client = await self._connected()
        if client.scheduler is None:
            raise Unreachable(f"The scheduler {self.address} of the cluster is gone.")
        found: Mapping[str, Any] = (await self._ask(client.scheduler.identity()))["workers"]
        return found

    async def _watching(self) -> None:
        while True:
            if not self._handed:
                self._asleep.clear()
                await self._asleep.wait()
            try:
                await self._look_after()
            except Unreachable as error:
                await self._lose(error)
            except Exception:
                _log.exception("dask cluster: a bug; going on")
            await asyncio.sleep(KEEP)

    async def _look_after(self) -> None:
        client = self._client
        if client is None or client.status != "running":
            raise Unreachable(f"The scheduler {self.address} of the cluster is gone.")
        workers = await self._workers()
        if client is not self._client:
            raise Unreachable(f"The scheduler {self.address} of the cluster was gone for a moment.")
        for handed in list(self._handed.values()):
            if handed.place is not None and handed.place not in workers:
                handed.conclude(Vanished(f"The worker {handed.place} of the cluster is gone."))
            elif handed.place is None:
                self._see_whether_offered(handed, workers)
            await self._see_what_dask_says(handed)
        for place in {handed.place for handed in self._handed.values() if handed.place is not None}:
            self._keep(place)

    def _see_whether_offered(self, handed: _Handed, workers: Mapping[str, Any]) -> None:
        now = asyncio.get_running_loop().time()
        if any(_fits(handed.needed, worker["resources"]) for worker in workers.values()):
            handed.unoffered_since = None
            return
        handed.unoffered_since = handed.unoffered_since or now
        if now - handed.unoffered_since >= self._patience:
            what = "what the step needs" if handed.needed else "to run it"
            handed.fail(Unoffered(f"The cluster of {self.address} has no worker that offers {what}; start one."))

    async def _see_what_dask_says(self, handed: _Handed) -> None:
        match handed.future.status:
            case "error":
                error = await handed.future.exception()
                if isinstance(error, KilledWorker):
                    handed.conclude(Vanished("Its workers of the cluster are gone."))
                else:
                    said = f"{type(error).__name__}: {error}"
                    handed.conclude(Fail(f"The cluster's node cannot carry it out: {said[:500]}"))
            case "cancelled" | "lost":
                handed.conclude(Vanished("Somebody has cancelled it in the cluster."))
            case "finished":
                if handed.over:
                    handed.conclude(Vanished("The cluster's node did not begin it."))
                handed.over = True
            case _:
                pass  # it waits or runs

    async def _lose(self, error: Unreachable) -> None:
        _log.warning("%s", error)
        await self._close()
        for handed in self._handed.values():
            handed.fail(error)

    def _hear(self, event: tuple[float, Mapping[str, Any]]) -> None:
        _, told = event
        handed = self._handed.get(told["lease"])
        if handed is None:
            return
        # A node tells everything in order.
        news = json.loads(told["news"])
        if "here" in news:
            if not handed.wanted:
                return
            if handed.place is not None:
                # Dask runs it a second time by itself, since it has lost the first.
                handed.conclude(Vanished(f"The worker {handed.place} of the cluster is gone."))
                return
            handed.place = news["here"]
            self._keep(handed.place)
        elif "outcome" in news:
            outcome = news["outcome"]
            handed.conclude(None if outcome is None else outcome_of(outcome))
        else:
            handed.replay.hear(news)

    def _keep(self, place: str) -> None:
        """Tell a worker which steps to begin, or to go on with; one that does not answer holds up no other."""
        self._due.add(place)
        if place not in self._keeping:
            self._keeping[place] = asyncio.create_task(self._tell(place))

    async def _tell(self, place: str) -> None:
        try:
            while place in self._due:
                self._due.discard(place)
                leases = [lease for lease, one in self._handed.items() if one.place == place and one.wanted]
                if leases and self._client is not None:
                    with suppress(Unreachable):
                        await self._ask(self._client.run(node.keep, leases, workers=[place], on_error="ignore"))
        finally:
            del self._keeping[place]

    async def _end(self, handed: _Handed) -> None:
        """End a step on its node and wait until that is done, or must be."""
        handed.ending = True
        client = self._client
        if client is None or handed.end.done():
            return
        with suppress(TimeoutError, Unreachable):
            async with asyncio.timeout(PATIENCE):
                with suppress(OSError):
                    await self._ask(handed.future.cancel())
                if handed.place is not None:
                    await self._ask(
                        client.run(node.stop, [handed.order.lease], workers=[handed.place], on_error="ignore")
                    )
                    await asyncio.wait({handed.end})


def _fits(needed: Resources, offered: Mapping[str, float]) -> bool:
    return all(
        offered.get(name, 0) >= (_LABEL if name.startswith("label:") else amount) for name, amount in needed.items()
    )


def _words(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
