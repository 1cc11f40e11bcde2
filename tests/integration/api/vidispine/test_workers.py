"""Workers over HTTP and on the command line: who is there, and who is to take no more (all of it ours)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from click.testing import CliRunner

from tests.integration.api.vidispine.conftest import JSON, TEXT, Api
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.cli import commands
from vidijob.engine.worker import Worker
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.executors.registry import Registry
from vidijob.jobs.resources import parse
from vidijob.jobs.states import JobState


class Gate:
    """Steps that last until a test lets them end."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.running: list[str] = []

    async def __call__(self, step: StepContext) -> Outcome:
        self.running.append(step.job)
        await self.open.wait()
        return Done()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.02)


def offering(engine: Engine, executor: ScriptedExecutor, offers: str) -> Worker:
    worker = Worker(
        engine.database, engine.bell, Registry({"test": executor}), slots=3, site="VX", offers=parse(offers)
    )
    engine.parts.append(worker)
    worker.start()
    return worker


async def test_the_list_of_workers_and_what_they_carry_out(api: Api, engine: Engine) -> None:
    assert (await api("GET", "/API/worker", accept=JSON)).json == {}
    gate = Gate()
    worker = offering(engine, ScriptedExecutor(work=gate), "gpu=1.5,label:studio,ram=16")
    engine.scheduler()
    job = await api.create()
    await until(lambda: bool(gate.running))
    (found,) = (await api("GET", "/API/worker", accept=JSON)).json["worker"]
    for time in ("started", "seen"):
        assert found.pop(time)
    (running,) = found.pop("task")
    assert running.pop("since") and running == {"jobId": job, "step": 100, "description": "Step 100"}
    pid, host = found.pop("pid"), found.pop("host")
    assert found == {
        "id": str(worker.id),
        "drained": False,
        "slots": 3,
        "bean": ["test"],
        "resource": [{"key": "gpu", "value": "1.5"}, {"key": "ram", "value": "16"}],
        "label": ["studio"],
    }
    assert (await api("GET", "/API/worker")).find("worker/task/jobId") == [job]
    text = (await api("GET", "/API/worker", accept=TEXT)).text
    assert text.split() == [str(worker.id), host, str(pid), "working", "1"]
    gate.open.set()
    await engine.until(job)


async def test_a_drained_worker_finishes_what_it_has_and_takes_no_more(api: Api, engine: Engine, url: str) -> None:
    gate = Gate()
    worker = engine.worker(ScriptedExecutor(work=gate))
    engine.scheduler()
    first = await api.create()
    await until(lambda: gate.running == [first])
    path = f"/API/worker/{worker.id}/drain"
    assert (await api("POST", path)).status == 200
    await until(lambda: worker.is_drained)
    assert (await api("GET", "/API/worker")).find("worker/drained") == ["true"]
    gate.open.set()
    async with asyncio.timeout(10):
        while (await api("GET", "/API/worker")).find("worker/task/jobId"):
            await asyncio.sleep(0.02)
    # Its step has ended well, and the next is for somebody else.
    log = (await engine.insights.job(first)).log
    assert log is not None and [attempt.state.value for attempt in log] == ["FINISHED"]
    await asyncio.sleep(0.3)
    assert (await engine.insights.job(first)).state is JobState.STARTED
    await asyncio.to_thread(run, url, "resume", str(worker.id))
    await engine.until(first)


def run(url: str, *arguments: str) -> str:
    ended = CliRunner().invoke(commands, ["worker", *arguments, "--database-url", url], terminal_width=300)
    assert ended.exit_code == 0, ended.output
    return ended.output


async def test_the_command_line(engine: Engine, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    worker = offering(engine, ScriptedExecutor(), "gpu=1")
    engine.scheduler()
    await engine.until(await engine.submit())
    shown = await asyncio.to_thread(run, url, "list")
    assert str(worker.id) in shown and "working" in shown and "test, gpu=1" in shown
    assert "takes no more" in await asyncio.to_thread(run, url, "drain", str(worker.id))
    await until(lambda: worker.is_drained)
    assert "drained" in await asyncio.to_thread(run, url, "list")


@pytest.mark.parametrize("method", ["POST", "DELETE"])
async def test_a_worker_that_is_not_there(api: Api, method: str) -> None:
    for id in (str(uuid4()), "x", "%00"):
        reply = await api(method, f"/API/worker/{id}/drain", accept=JSON)
        assert reply.status in (400, 404)


@pytest.mark.parametrize("grace", [timedelta(seconds=10), timedelta()])
async def test_a_worker_that_stops_lets_its_steps_finish_for_a_while(engine: Engine, grace: timedelta) -> None:
    running = asyncio.Event()

    async def work(step: StepContext) -> Outcome:
        running.set()
        # Without a grace it would not end by itself in time, however slow the machine.
        await asyncio.sleep(0.3 if grace else 60)
        return Done()

    engine.scheduler()
    worker = Worker(
        engine.database, engine.bell, Registry({"test": ScriptedExecutor(work=work)}), slots=1, site="VX", grace=grace
    )
    worker.start()
    id = await engine.submit()
    await asyncio.wait_for(running.wait(), 10)
    began = asyncio.get_running_loop().time()
    await worker.stop()
    assert asyncio.get_running_loop().time() - began < 5
    log = (await engine.insights.job(id)).log
    assert log is not None
    assert [attempt.state.value for attempt in log] == ["FINISHED" if grace else "DISAPPEARED"]
    engine.worker(ScriptedExecutor())
    assert (await engine.until(id)).state is JobState.FINISHED
