"""Steps handed over to a real Dask cluster, one scheduler and one worker in processes of their own, without an engine."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.dask_cluster import DaskCluster
from tests.integration.executors.steps import Step
from vidijob import workshop
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext, Vanished, Wait
from vidijob.executors.dask.cluster import Cluster
from vidijob.executors.dask.executor import DaskExecutor

PROGRAM = """\
#!/bin/sh
echo "$$" >>"{folder}/pids"
case "$JOB_DATA_act" in
  sleep) sleep 60 & echo "$!" >>"{folder}/pids"; wait;;
  fail) echo "it never works" >&2; exit 3;;
  *) echo "a line"; echo "::progress 3 4 bytes"; echo "::data made=here";;
esac
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program of the steps is."""
    made = tmp_path_factory.mktemp("dask")
    program = made / "work"
    program.write_text(PROGRAM.format(folder=made))
    program.chmod(0o755)
    return made


@pytest.fixture(scope="module")
def processes(folder: Path) -> Iterator[DaskCluster]:
    """A scheduler, and one worker that offers a tape machine and has a label."""
    made = DaskCluster(folder)
    made.start(1, "--resources", "tape=1,label:studio=1")
    yield made
    made.end()


class Calls:
    """Knows no database: it only notes what was taken over."""

    def __init__(self) -> None:
        self.taken = 0

    @asynccontextmanager
    async def open(self, step: StepContext) -> AsyncIterator[Calls]:
        yield self

    @property
    def url(self) -> str | None:
        return None

    def taken_over(self) -> None:
        self.taken += 1

    async def verdict(self) -> Any:
        raise AssertionError("nobody calls back")


class Dispatcher:
    """A connection to the cluster, and an executor of it."""

    def __init__(self, address: str, folder: Path, patience: float = 60) -> None:
        told = {"storage_roots": [str(folder)], "allow_program": [str(folder / "work")]}
        self.calls = Calls()
        self.cluster = Cluster(address, workshop.of_a_node, patience=patience)
        self.executor = DaskExecutor("shell", frozenset({"run"}), frozenset(), self.cluster, self.calls, told)

    async def __aenter__(self) -> Dispatcher:
        self.cluster.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cluster.stop()

    async def run(self, step: Step) -> Outcome:
        return await self.executor.run(step)


def step(act: str, method: str = "run", **metadata: str) -> Step:
    return Step(method, {"act": [act]}, metadata={"program": "work", "placement": "dask", **metadata})


def pids(folder: Path) -> list[int]:
    file = folder / "pids"
    return [int(line) for line in file.read_text().split()] if file.exists() else []


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def begun(folder: Path, before: int, number: int) -> list[int]:
    """Wait until the program and its child run; returns them."""
    async with asyncio.timeout(20):
        while len(pids(folder)) < before + number:
            await asyncio.sleep(0.02)
    return pids(folder)[before:]


async def test_outcomes_and_what_is_told(processes: DaskCluster, folder: Path) -> None:
    async with Dispatcher(processes.address, folder) as dispatcher:
        good = step("work", resources="tape=1,label:studio")
        assert await dispatcher.run(good) == Done({"made": ["here"]})
        assert (good.notes, good.told[-1], dispatcher.calls.taken) == (["a line"], (3, 4, "bytes"), 1)
        # A label is not used up: with two at once the second would never run.
        assert await dispatcher.run(step("fail", resources="label:studio")) == Fail("it never works")
        assert await dispatcher.run(step("work", method="dance")) == Fail(
            "The cluster's node has no method dance of the executor shell."
        )
        late = await dispatcher.run(step("sleep", timeout="0.5"))
        assert late == Retry("It took longer than the time that the step has.")
        unknown = await dispatcher.run(Step("run", {}, metadata={"program": "rm"}))
        assert isinstance(unknown, Fail) and "not allowed" in unknown.reason
        assert await dispatcher.executor.is_gone("REMOTE_UNAVAILABLE", about(processes))


def about(processes: DaskCluster, **more: str) -> Mapping[str, str]:
    return {"dask": processes.address, **more}


async def test_whoever_is_cancelled_leaves_nothing_running(processes: DaskCluster, folder: Path) -> None:
    async with Dispatcher(processes.address, folder) as dispatcher:
        before = len(pids(folder))
        task = asyncio.create_task(dispatcher.run(step("sleep")))
        running = await begun(folder, before, 2)
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled() and not any(map(runs, running))


async def test_what_nobody_offers_is_waited_for(processes: DaskCluster, folder: Path) -> None:
    async with Dispatcher(processes.address, folder, patience=1) as dispatcher:
        outcome = await dispatcher.run(step("work", resources="gpu=1"))
        assert isinstance(outcome, Wait)
        assert (outcome.type, outcome.data) == ("REMOTE_UNAVAILABLE", about(processes, resources="gpu=1"))
        assert not await dispatcher.executor.is_gone(outcome.type, outcome.data)
        more = processes.add("--resources", "gpu=1")
        async with asyncio.timeout(20):
            while not await dispatcher.executor.is_gone(outcome.type, outcome.data):
                await asyncio.sleep(0.1)
        assert await dispatcher.run(step("work", resources="gpu=1")) == Done({"made": ["here"]})

        # Its worker is killed: nobody knows how far it came, and nothing of it is left.
        before = len(pids(folder))
        task = asyncio.create_task(dispatcher.run(step("sleep", resources="gpu=1")))
        running = await begun(folder, before, 1)
        processes.kill(more)
        assert isinstance(await task, Vanished)
        assert not runs(running[0])


async def test_a_dispatcher_that_says_nothing_more(processes: DaskCluster, folder: Path) -> None:
    async with Dispatcher(processes.address, folder) as dispatcher:
        before = len(pids(folder))
        task = asyncio.create_task(dispatcher.run(step("sleep")))
        running = await begun(folder, before, 2)
        assert processes.scheduler is not None
        # Nobody answers, and nobody hears: the dispatcher gives up, and so does the node, before another may begin.
        processes.scheduler.send_signal(signal.SIGSTOP)
        try:
            began = time.monotonic()
            outcome = await task
            assert isinstance(outcome, Wait) and outcome.type == "REMOTE_UNAVAILABLE"
            assert not any(map(runs, running))
            assert time.monotonic() - began < 20
        finally:
            processes.scheduler.send_signal(signal.SIGCONT)


async def test_no_scheduler_at_all(folder: Path) -> None:
    async with Dispatcher("tcp://127.0.0.1:1", folder) as dispatcher:
        outcomes = await asyncio.gather(*(dispatcher.run(step("work")) for _ in range(50)))
        assert {type(outcome) for outcome in outcomes} == {Wait}
        assert dispatcher.calls.taken == 0
        assert not await dispatcher.executor.is_gone("REMOTE_UNAVAILABLE", {"dask": "tcp://127.0.0.1:1"})
