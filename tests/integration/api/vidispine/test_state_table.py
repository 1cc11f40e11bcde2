"""Everything that the API lets one do with a job, in every state that a job can be in: what the table of states allows
happens, and what it does not allow changes nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest

from tests.integration.api.vidispine.conftest import JSON, Api, Reply
from tests.integration.engine.conftest import Engine, ScriptedExecutor, task
from vidijob.executors.base import Done, Fail, Outcome, StepContext, Wait
from vidijob.jobs.model import JobType
from vidijob.jobs.states import ENDED, JOB_TRANSITIONS, JobEvent, JobState

S, E = JobState, JobEvent


@pytest.fixture
def job_types() -> dict[str, JobType]:
    """A type with a step that may fail, one that may not, and clean-up."""
    return {"WORK": JobType("WORK", (task(100), task(200, critical=False), task(5000, cleanup=True)))}


async def work(step: StepContext) -> Outcome:
    """Do what the job's data says."""
    match step.data["do"][0], step.step:
        case "run", 100:
            await asyncio.Event().wait()
        case "wait", 100:
            return Wait("TEST", {"job": step.job}, "It is not there; bring it.")
        case ("fail", 100) | ("warn", 200):
            return Fail("broken")
        case _:
            pass
    return Done()


@dataclass
class Place:
    """Where jobs are brought into a state."""

    api: Api
    engine: Engine

    async def job(self, state: JobState) -> str:
        """Make a job and bring it into a state."""
        do = {S.STARTED: "run", S.VIDINET_JOB: "run", S.WAITING: "wait", S.FAILED_TOTAL: "fail", S.FINISHED_WARNING: "warn"}  # fmt: skip
        id = await self.api.create(f"type=WORK&jobmetadata=do%3D{do.get(state, 'nothing')}")
        match state:
            case S.READY:
                pass
            case S.HOLD:
                await self.put(id, "HOLD")
            case S.ABORTED_PENDING | S.ABORTED:
                cleanup = str(state is S.ABORTED_PENDING).lower()
                assert (await self.api("DELETE", f"/API/job/{id}?cleanup={cleanup}&reason=why")).status == 200
            case S.VIDINET_JOB:
                await self.engine.until(id, S.STARTED)
                await self.put(id, "VIDINET_JOB")
            case _:
                await self.engine.until(id, state)
        return id

    async def put(self, id: str, state: str) -> None:
        """Put a job into a state that nothing here leads to: steps on other engines and holding are elsewhere."""
        async with self.engine.database.session() as session:
            await session._connection.execute("UPDATE job SET state = $1 WHERE id = $2", state, int(id[3:]))
            if state == "HOLD":
                await session._connection.execute("DELETE FROM job_queue WHERE job_id = $1", int(id[3:]))

    async def known(self, id: str) -> list[object]:
        """Return all that the database has about a job, but for what beats in it."""
        found: list[object] = []
        async with self.engine.database.session() as session:
            for query in (
                "SELECT * FROM job WHERE id = $1",
                "SELECT * FROM step WHERE job_id = $1 ORDER BY number",
                "SELECT * FROM attempt WHERE job_id = $1 ORDER BY id",
                "SELECT * FROM event WHERE job_id = $1 ORDER BY id",
                "SELECT * FROM job_queue WHERE job_id = $1",
                "SELECT * FROM step_queue WHERE job_id = $1 ORDER BY step",
                "SELECT * FROM problem_job WHERE job_id = $1 ORDER BY step",
                "SELECT job_id, step, number, stop FROM lease WHERE job_id = $1 ORDER BY step",
            ):
                found.append([tuple(row) for row in await session._connection.fetch(query, int(id[3:]))])
        return found

    async def moves(self, id: str) -> list[tuple[str | None, str]]:
        """Return what happened to the job itself."""
        return [(old, new) for job, step, old, new in await self.engine.events() if f"VX-{job}" == id and step is None]

    async def problem(self, id: str, verb: str) -> Reply:
        """Decide on what a job waits for; of one that waits for nothing, on a problem that might be there."""
        found = (await self.api("GET", f"/API/job/{id}/problem", accept=JSON)).json.get("problem", [{"id": 1}])
        return await self.api("POST", f"/API/job/{id}/problem/{found[0]['id']}/{verb}")


@pytest.fixture
async def place(api: Api, engine: Engine) -> Place:
    return Place(api, engine)


Act = Callable[[Place, str], Awaitable[Reply]]
#: What one may do, which event that is for a job, and whether it may change a job that the event is not possible for.
ACTS: dict[str, Act] = {
    "abort": lambda place, id: place.api("DELETE", f"/API/job/{id}?reason=why"),
    "abort without clean-up": lambda place, id: place.api("DELETE", f"/API/job/{id}?cleanup=false&reason=why"),
    "another priority": lambda place, id: place.api("PUT", f"/API/job/{id}?priority=HIGH"),
    "delete": lambda place, id: place.api("DELETE", f"/API/job?id={id}"),
    "run again": lambda place, id: place.api("POST", f"/API/job/{id}/re-run"),
    "retry what it waits for": lambda place, id: place.problem(id, "retry"),
    "fail what it waits for": lambda place, id: place.problem(id, "fail"),
}


def expected(act: str, state: JobState) -> tuple[int, JobState | None]:
    """Return the status of the answer, and where the job goes by it, if anywhere."""
    abort = JOB_TRANSITIONS.get((state, E.ABORT))
    match act:
        case "abort":
            return (400, None) if state in ENDED else (200, abort)
        case "abort without clean-up":
            return (400, None) if state in ENDED else (200, JOB_TRANSITIONS.get((state, E.DROP), abort))
        case "another priority":
            return (400, None) if state in ENDED else (200, state)
        case "delete":
            return (200, None) if state in ENDED else (400, None)
        case "run again":
            return 200, None
        case _:
            resumed = JOB_TRANSITIONS.get((state, E.RESUME))
            return (404, None) if resumed is None else (200, resumed)


def starts(state: JobState) -> bool:
    """Tell whether something has to run for a job to get into a state."""
    return state not in (S.READY, S.HOLD, S.ABORTED_PENDING, S.ABORTED)


@pytest.mark.parametrize("state", JobState)
async def test_what_may_be_done_with_a_job(place: Place, state: JobState) -> None:
    if starts(state):
        place.engine.concurrent_jobs = len(ACTS)
        place.engine.worker(ScriptedExecutor(work=work), slots=2 * len(ACTS))
        place.engine.scheduler()
    jobs = {act: await place.job(state) for act in ACTS}
    for act, id in jobs.items():
        before, moves = await place.known(id), await place.moves(id)
        status, goes = expected(act, state)
        reply = await ACTS[act](place, id)
        assert reply.status == status, (act, reply.text)
        if status == 400:
            assert reply.find("invalidInput/explanation")[0], act
        if act == "delete" and status == 200:
            assert (await place.api("GET", f"/API/job/{id}")).status == 404
            continue
        if goes is None:
            assert await place.known(id) == before, act
        else:
            assert (await place.moves(id))[: len(moves) + 1] == [*moves, (state.value, goes.value)], act
    again = [id for id in await ids(place) if id not in jobs.values()]
    assert len(again) == 1, "only running again makes another job"


async def ids(place: Place) -> Sequence[str]:
    return (await place.api("GET", "/API/job?user=false", accept="text/plain")).text.split()


@pytest.mark.parametrize("state", [state for state in JobState if state not in ENDED])
async def test_abort_from_every_state_comes_to_its_end_with_the_clean_up_that_is_due(
    place: Place, state: JobState
) -> None:
    executor = ScriptedExecutor(work=work)
    if starts(state):
        place.engine.worker(executor)
        place.engine.scheduler()
    jobs = {cleanup: await place.job(state) for cleanup in ("true", "false")}
    first = state is not S.ABORTED_PENDING
    for cleanup, id in jobs.items():
        for reason in ("%C3%BC%20no%20need" if first else "", "another"):
            # Asked again, with another reason, it is the same abort.
            reply = await place.api("DELETE", f"/API/job/{id}?cleanup={cleanup}&reason={reason}")
            assert reply.status == 200 or (await place.moves(id))[-1][1] == "ABORTED"
    if not starts(state):
        place.engine.worker(executor)
        place.engine.scheduler()
    for cleanup, id in jobs.items():
        job = await place.engine.until(id)
        assert job.state is S.ABORTED
        assert job.data.get("abortReason") == (["ü no need"] if first else ["why"])
        due = cleanup == "true" or state not in (S.READY, S.HOLD)
        assert [step for job_id, step in executor.calls if job_id == id and step == 5000] == [5000] * due
        moves = [new for _, new in await place.moves(id) if new.startswith("ABORTED")]
        assert moves == ["ABORTED_PENDING", "ABORTED"] if due else ["ABORTED"]
        shown = (await place.api("GET", f"/API/job/{id}?metadata=true", accept=JSON)).json
        assert {"key": "abortReason", "value": "ü no need" if first else "why"} in shown["data"]
        again = (await place.api("POST", f"/API/job/{id}/re-run", accept=JSON)).json["jobId"]
        assert "abortReason" not in (await place.engine.insights.job(again)).data
