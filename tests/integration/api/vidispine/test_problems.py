"""Problems over HTTP."""

from __future__ import annotations

from tests.integration.api.vidispine.conftest import JSON, Api
from tests.integration.engine.conftest import Engine, ScriptedExecutor
from vidijob.executors.base import Done, Outcome, StepContext, Wait
from vidijob.jobs.states import JobState


class Needing:
    """A step that waits for as long as a test wants."""

    def __init__(self) -> None:
        self.there = False

    async def __call__(self, step: StepContext) -> Outcome:
        if step.step == 200 and not self.there:
            return Wait("SOME_TYPE", {"storage": "VX-2"}, "The storage VX-2 is full; make room.")
        return Done()


async def test_none(api: Api) -> None:
    assert (await api("GET", "/API/job/problem", accept=JSON)).body == b"{}"
    assert list((await api("GET", "/API/job/problem/")).xml) == []
    id = await api.create()
    assert (await api("GET", f"/API/job/{id}/problem", accept=JSON)).json == {}
    assert (await api("GET", "/API/job/VX-99/problem")).status == 404


async def test_one_problem_holds_two_jobs(api: Api, engine: Engine) -> None:
    need = Needing()
    engine.worker(ScriptedExecutor(work=need))
    engine.scheduler()
    first, second = await api.create(), await api.create()
    for id in (first, second):
        await engine.until(id, JobState.WAITING)
    (problem,) = (await api("GET", "/API/job/problem", accept=JSON)).json["problem"]
    assert list(problem) == ["id", "type", "data", "job"]
    assert problem["type"] == "SOME_TYPE" and problem["job"] == [first, second]
    assert problem["data"][0] == {"key": "storage", "value": "VX-2"}
    assert (await api("GET", f"/API/job/{first}/problem")).find("problem/job") == [first, second]
    document = (await api("GET", f"/API/job/{first}", accept=JSON)).json
    assert document["status"] == "WAITING"
    assert document["waiting"] == {"resourceType": "SOME_TYPE", "requirement": "The storage VX-2 is full; make room."}
    assert (await api("POST", f"/API/job/problem/{problem['id'] + 1}/retry")).status == 404
    need.there = True
    assert (await api("POST", f"/API/job/{first}/problem/{problem['id']}/retry", accept=JSON)).status == 200
    for id in (first, second):
        assert (await engine.until(id)).state is JobState.FINISHED
    assert (await api("GET", "/API/job/problem", accept=JSON)).body == b"{}"


async def test_fail(api: Api, engine: Engine) -> None:
    engine.worker(ScriptedExecutor(work=Needing()))
    engine.scheduler()
    id = await api.create()
    await engine.until(id, JobState.WAITING)
    problem = (await api("GET", "/API/job/problem")).find("problem/id")[0]
    assert (await api("POST", f"/API/job/problem/{problem}/fail")).status == 200
    assert (await engine.until(id)).state is JobState.FAILED_TOTAL
    data = (await api("GET", f"/API/job/{id}?metadata=true", accept=JSON)).json["data"]
    assert any(pair["key"] == "errorMessage" and "admin decided" in pair["value"] for pair in data)
