"""Everything that the API lets one do with a job, in every state that a job can be in: what the table of states allows
happens, and what it does not allow changes nothing. Every state is reached as any client reaches it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_network
from itertools import pairwise
from uuid import uuid4

import pytest

from tests.acceptance.remote_engine import Order, RemoteEngine
from tests.integration.api.vidispine.conftest import JSON, Api, Reply
from tests.integration.engine.conftest import Engine, ScriptedExecutor, task
from vidijob.engine.remote_calls import RemoteCalls
from vidijob.engine.worker import Worker
from vidijob.executors.base import Done, Fail, Outcome, StepContext, Wait
from vidijob.executors.http import HttpExecutor
from vidijob.executors.registry import Registry
from vidijob.jobs.model import JobId, JobType, Priority, StepNumber, TaskDefinition
from vidijob.jobs.policy import Admission
from vidijob.jobs.states import ENDED, JOB_TRANSITIONS, JobEvent, JobState
from vidijob.store import admissions, slots, workers
from vidijob.web.outbound import Outbound

S, E = JobState, JobEvent
_CALLBACK = "/APInoauth/step"


@pytest.fixture
def there() -> RemoteEngine:
    """An engine elsewhere that takes over what it is sent."""
    return RemoteEngine()


@pytest.fixture
def job_types(there: RemoteEngine) -> dict[str, JobType]:
    """Two types with a step that may not fail, one that may, and clean-up; the first step of AWAY is done elsewhere."""
    rest = (task(200, critical=False), task(5000, cleanup=True))
    away = TaskDefinition(StepNumber(100), "Elsewhere", "http", "post", metadata={"url": there.url})
    return {"WORK": JobType("WORK", (task(100), *rest)), "AWAY": JobType("AWAY", (away, *rest))}


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


async def _secret() -> str:
    return "a secret of this test"


async def _address() -> str | None:
    return f"http://here{_CALLBACK}"


@dataclass
class Place:
    """Where jobs are brought into a state."""

    api: Api
    engine: Engine
    there: RemoteEngine
    outbound: Outbound
    calls: RemoteCalls
    #: What the engine elsewhere was last sent of each job.
    orders: dict[str, Order] = field(default_factory=dict)

    def start(self, limit: int) -> ScriptedExecutor:
        """Let jobs run, so many at once; returns what does the steps that are done here."""
        executor = ScriptedExecutor(work=work)
        registry = Registry({"test": executor, "http": HttpExecutor(self.outbound.call, self.calls)})
        worker = Worker(self.engine.database, self.engine.bell, registry, slots=2 * limit, site="VX")
        self.engine.parts.append(worker)
        self.engine.concurrent_jobs = limit
        worker.start()
        self.calls.start()
        self.engine.scheduler()
        return executor

    async def job(self, state: JobState) -> str:
        """Submit a job that gets into a state, and do what it takes."""
        do = {S.STARTED: "run", S.WAITING: "wait", S.FAILED_TOTAL: "fail", S.FINISHED_WARNING: "warn"}
        type = "AWAY" if state is S.VIDINET_JOB else "WORK"
        hold = "&holdJob=true" if state is S.HOLD else ""
        id = await self.api.create(f"type={type}&jobmetadata=do%3D{do.get(state, 'nothing')}{hold}")
        match state:
            case S.READY | S.HOLD:
                pass
            case S.ABORTED_PENDING | S.ABORTED:
                cleanup = str(state is S.ABORTED_PENDING).lower()
                assert (await self.api("DELETE", f"/API/job/{id}?cleanup={cleanup}&reason=why")).status == 200
            case _:
                await self.engine.until(id, state)
        return id

    async def tell(self, id: str, message: str) -> Reply:
        """Call back, as the engine elsewhere that has a step of a job; of one that it has not, as somebody who guesses."""
        while not self.there.orders.empty():
            order = await self.there.order()
            self.orders[order.asked["job"]] = order
        token = self.orders[id].token if id in self.orders else "guessed"
        return await self.api("POST", f"{_CALLBACK}/{token}", user=None, type=JSON, body=message)

    async def known(self, id: str) -> list[object]:
        """Return all that the database has about a job, but for what beats in it."""
        found: list[object] = []
        async with self.engine.database.session() as session:
            for query in (
                "SELECT * FROM job WHERE id = $1",
                "SELECT * FROM step WHERE job_id = $1 ORDER BY number",
                "SELECT * FROM attempt WHERE job_id = $1 ORDER BY id",
                "SELECT * FROM happened WHERE job_id = $1 ORDER BY id",
                "SELECT * FROM job_queue WHERE job_id = $1",
                "SELECT * FROM step_queue WHERE job_id = $1 ORDER BY step",
                "SELECT * FROM problem_job WHERE job_id = $1 ORDER BY step",
                "SELECT job_id, step, number, stop FROM lease WHERE job_id = $1 ORDER BY step",
                "SELECT * FROM remote_call WHERE job_id = $1 ORDER BY step, lease",
                "SELECT number FROM seat WHERE job_id = $1",
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
async def place(api: Api, engine: Engine, there: RemoteEngine) -> AsyncIterator[Place]:
    outbound = Outbound(_secret, [ip_network("127.0.0.0/8")])
    calls = RemoteCalls(engine.database, engine.bell, "VX", _address)
    async with there.running():
        yield Place(api, engine, there, outbound, calls)
        await engine.stop()
        await calls.stop()
        await outbound.close()


Act = Callable[[Place, str], Awaitable[Reply]]
#: What one may do.
ACTS: dict[str, Act] = {
    "release": lambda place, id: place.api("POST", f"/API/job/{id}/release"),
    "abort": lambda place, id: place.api("DELETE", f"/API/job/{id}?reason=why"),
    "abort without clean-up": lambda place, id: place.api("DELETE", f"/API/job/{id}?cleanup=false&reason=why"),
    "another priority": lambda place, id: place.api("PUT", f"/API/job/{id}?priority=HIGH"),
    "delete": lambda place, id: place.api("DELETE", f"/API/job?id={id}"),
    "run again": lambda place, id: place.api("POST", f"/API/job/{id}/re-run"),
    "retry what it waits for": lambda place, id: place.problem(id, "retry"),
    "fail what it waits for": lambda place, id: place.problem(id, "fail"),
    "tell that a step was done elsewhere": lambda place, id: place.tell(id, '{"outcome": "done"}'),
}


def expected(act: str, state: JobState) -> tuple[int, JobState | None]:
    """Return the status of the answer, and where the job goes by it, if anywhere."""
    abort = JOB_TRANSITIONS.get((state, E.ABORT))
    match act:
        case "release":
            released = JOB_TRANSITIONS.get((state, E.RELEASE))
            return (400, None) if released is None else (200, released)
        case "tell that a step was done elsewhere":
            back = JOB_TRANSITIONS.get((state, E.COME_BACK))
            return (404, None) if back is None else (200, back)
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
        place.start(len(ACTS) + 1)
    made = {act: await place.job(state) for act in ACTS}
    for act, id in made.items():
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
            async with asyncio.timeout(10):
                # What is told elsewhere its worker hears a moment later.
                while len(now := await place.moves(id)) == len(moves):
                    await asyncio.sleep(0.02)
            assert now[: len(moves) + 1] == [*moves, (state.value, goes.value)], act
    again = [id for id in await ids(place) if id not in made.values()]
    assert len(again) == 1, "only running again makes another job"
    await try_to_admit(place, state)


async def ids(place: Place) -> Sequence[str]:
    return (await place.api("GET", "/API/job?user=false", accept="text/plain")).text.split()


@pytest.mark.parametrize("state", [state for state in JobState if state not in ENDED])
async def test_abort_from_every_state_comes_to_its_end_with_the_clean_up_that_is_due(
    place: Place, state: JobState
) -> None:
    executor = place.start(2) if starts(state) else None
    made = {cleanup: await place.job(state) for cleanup in ("true", "false")}
    first = state is not S.ABORTED_PENDING
    for cleanup, id in made.items():
        for reason in ("%C3%BC%20no%20need" if first else "", "another"):
            # Asked again, with another reason, it is the same abort.
            reply = await place.api("DELETE", f"/API/job/{id}?cleanup={cleanup}&reason={reason}")
            assert reply.status == 200 or (await place.moves(id))[-1][1] == "ABORTED"
    executor = executor or place.start(2)
    for cleanup, id in made.items():
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


async def try_to_admit(place: Place, state: JobState) -> None:
    """Start a job that is in a state, as a scheduler does: that has an effect only where it may."""
    id = await place.job(state)
    async with place.engine.database.session() as session:
        await session._connection.execute("UPDATE leader SET expires_at = '-infinity'")
    holder = uuid4()
    term = await workers.campaign(place.engine.database, "scheduler", holder, timedelta(minutes=1))
    assert term is not None
    await slots.arrange(place.engine.database, holder, term, {99: Priority.LOWEST}, [])
    before = await place.known(id)
    job = JobId(int(id.removeprefix("VX-")))
    admitted = await admissions.admit(place.engine.database, holder, term, [Admission(job, 99)])
    if (state, E.ADMIT) in JOB_TRANSITIONS:
        assert admitted.started == [job]
        assert (await place.engine.insights.job(id)).state is JOB_TRANSITIONS[state, E.ADMIT]
    else:
        assert admitted.started == [] and await place.known(id) == before


async def test_every_move_that_the_table_allows_is_made_by_jobs_of_clients(place: Place) -> None:
    made = [await place.job(state) for state in (S.READY, S.HOLD, S.READY, S.HOLD, S.HOLD)]
    for act, id in zip([*["abort without clean-up"] * 2, *["abort"] * 2, "release"], made, strict=True):
        assert (await ACTS[act](place, id)).status == 200
    place.start(20)
    for state in (S.STARTED, S.VIDINET_JOB, S.WAITING):
        made.append(await place.job(state))
        assert (await ACTS["abort"](place, made[-1])).status == 200
    made.append(await place.job(S.WAITING))
    assert (await ACTS["fail what it waits for"](place, made[-1])).status == 200
    made += [await place.job(state) for state in (S.FINISHED_WARNING, S.FAILED_TOTAL)]
    for outcome, do in (("done", "nothing"), ("done", "warn"), ("fail", "nothing"), ("wait", "nothing")):
        made.append(await place.api.create(f"type=AWAY&jobmetadata=do%3D{do}"))
        await place.engine.until(made[-1], S.VIDINET_JOB)
        message = f'{{"outcome": "{outcome}", "reason": "why"}}' if outcome != "done" else '{"outcome": "done"}'
        assert (await place.tell(made[-1], message)).status == 200
    await place.engine.until(made[-1], S.WAITING)
    assert (await ACTS["abort"](place, made[-1])).status == 200
    told = set()
    for id in made:
        await place.engine.until(id)
        moves = await place.moves(id)
        told |= set(moves)
        # What happens to a job by the last step that is done elsewhere happens when it is back.
        told |= {
            (S.VIDINET_JOB, new)
            for (old, back), (_, new) in pairwise(moves)
            if (old, back) == (S.VIDINET_JOB, S.STARTED)
        }
    assert told - {(None, S.READY), (None, S.HOLD)} == {(old, new) for (old, _), new in JOB_TRANSITIONS.items()}
