"""Jobs that are held, and released (contract 2.1; the release is ours)."""

from __future__ import annotations

from tests.integration.api.vidispine.conftest import JSON, TEXT, Api, Finish
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.jobs.states import JobState


async def state(api: Api, id: str) -> str:
    return (await api("GET", f"/API/job/{id}", accept=TEXT)).text


async def test_a_held_job_waits_until_it_is_released(api: Api, engine: Engine, finish: Finish) -> None:
    reply = await api("POST", "/API/job?type=WORK&holdJob=true")
    assert reply.find("status") == ["HOLD"]
    (held,) = reply.find("jobId")
    await finish(await api.create())
    assert await state(api, held) == "HOLD", "others pass it"
    assert (await api("GET", "/API/job?state=HOLD&number=0")).find("hits") == ["1"]
    assert (await api("POST", f"/API/job/{held}/release")).status == 200
    await finish(held)
    states = [(old, new) for job, step, old, new in await engine.events() if step is None and f"VX-{job}" == held]
    assert states[:3] == [(None, "HOLD"), ("HOLD", "READY"), ("READY", "STARTED")]


async def test_only_a_held_job_can_be_released(api: Api, finish: Finish) -> None:
    ready = await api.create()
    reply = await api("POST", f"/API/job/{ready}/release", accept=JSON)
    assert reply.status == 400 and "only one in HOLD" in reply.json["invalidInput"]["explanation"]
    await finish(ready)
    assert (await api("POST", f"/API/job/{ready}/release")).status == 400
    assert (await api("POST", "/API/job/VX-999/release")).status == 404
    assert (await api("POST", "/API/job?type=WORK&holdJob=perhaps")).status == 400


async def test_a_held_job_can_be_aborted_with_and_without_clean_up(api: Api, engine: Engine) -> None:
    executor = ScriptedExecutor()
    engine.worker(executor)
    engine.scheduler()
    first, second = [await api.create("type=WORK&holdJob=true") for _ in range(2)]
    assert (await api("DELETE", f"/API/job/{first}?cleanup=false")).status == 200
    assert await state(api, first) == "ABORTED"
    assert (await api("DELETE", f"/API/job/{second}")).status == 200
    await engine.until(second, JobState.ABORTED)
    assert executor.calls == [(second, 5000)]
    assert (await api("POST", f"/API/job/{second}/release")).status == 400


async def test_a_re_run_can_be_held(api: Api, finish: Finish) -> None:
    first = await api.create("type=WORK&holdJob=true&priority=LOW")
    reply = await api("POST", f"/API/job/{first}/re-run")
    assert reply.find("status") == ["READY"], "what was held is not held again unless it is asked for"
    reply = await api("POST", f"/API/job/{first}/re-run?holdJob=true")
    assert reply.find("status") == ["HOLD"] and reply.find("priority") == ["LOW"]
    (id,) = reply.find("jobId")
    assert (await api("POST", f"/API/job/{id}/release")).status == 200
    await finish(id)
