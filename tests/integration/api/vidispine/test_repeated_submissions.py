"""A submission with an ``Idempotency-Key`` can be repeated when its answer was lost: it makes one job."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.api.vidispine.conftest import JSON, Api
from tests.integration.engine.conftest import ADMIN, Engine
from vidijob.engine.commands import Commands
from vidijob.jobs.model import Priority
from vidijob.store.database import Database

ORDER = "/API/job?type=WORK&priority=LOW&jobmetadata=a%3Db"


async def submit(api: Api, key: str, path: str = ORDER, user: str = "admin", body: str | None = None) -> str:
    reply = await api("POST", path, headers={"Idempotency-Key": key}, user=user, accept=JSON, body=body)
    assert reply.status == 200, reply.text
    return str(reply.json["jobId"])


async def hits(api: Api) -> int:
    return int((await api("GET", "/API/job?user=false&number=0", accept=JSON)).json["hits"])


async def test_a_repeated_submission_is_the_same_job(api: Api, engine: Engine) -> None:
    first = await submit(api, "k1")
    assert await submit(api, "k1") == first
    assert await submit(api, "k2") != first
    assert await hits(api) == 2
    assert [event[0] for event in await engine.events()] == [int(first.removeprefix("VX-")), 3]


async def test_the_answer_tells_of_the_job_as_it_is_now(api: Api) -> None:
    id = await submit(api, "k1")
    await api("DELETE", f"/API/job/{id}?cleanup=false")
    reply = await api("POST", ORDER, headers={"Idempotency-Key": "k1"}, accept=JSON)
    assert (reply.json["jobId"], reply.json["status"]) == (id, "ABORTED")


async def test_many_at_once_are_one_job(api: Api) -> None:
    assert len(set(await asyncio.gather(*(submit(api, "k1") for _ in range(30))))) == 1
    assert await hits(api) == 1


async def test_two_servers_make_one_job(api: Api, engine: Engine, url: str) -> None:
    other = Database(lambda: url, connections=4)
    await other.open()
    try:
        servers = [engine.commands, Commands(other, engine.bell, engine.job_types.plans.of, "VX")]
        made = await asyncio.gather(
            *(
                server.submit(ADMIN, "WORK", Priority.LOW, {}, key=f"k{number % 5}")
                for number in range(50)
                for server in servers
            )
        )
        assert len({job.id for job in made}) == 5
    finally:
        await other.close()
    assert await hits(api) == 5


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/API/job?type=WORK&priority=HIGH&jobmetadata=a%3Db", None),
        ("/API/job?type=WORK&priority=LOW&jobmetadata=a%3Dc", None),
        (ORDER, '{"field":[{"key":"d","value":"e"}]}'),
        ("/API/job/VX-1/re-run?priority=LOW", None),
    ],
)
async def test_a_key_does_not_stand_for_another_order(api: Api, path: str, body: str | None) -> None:
    id = await submit(api, "k1")
    reply = await api("POST", path, headers={"Idempotency-Key": "k1"}, accept=JSON, body=body)
    assert reply.status == 409
    assert reply.json["conflict"] == {
        "context": "Idempotency-Key", "id": "k1", "explanation": f"The key was used for another order, that of the job {id}.",
        "value": None,
    }  # fmt: skip
    assert await hits(api) == 1


async def test_each_user_has_its_own_keys(api: Api) -> None:
    assert await submit(api, "k1") != await submit(api, "k1", user="other")


async def test_a_rerun_can_be_repeated(api: Api) -> None:
    first = await submit(api, "k1")
    again = [await submit(api, "k2", f"/API/job/{first}/re-run") for _ in range(2)]
    assert again[0] == again[1] != first


async def test_the_key_goes_with_its_job(api: Api) -> None:
    first = await submit(api, "k1")
    await api("DELETE", f"/API/job/{first}?cleanup=false")
    assert (await api("DELETE", f"/API/job?id={first}")).status == 200
    assert await submit(api, "k1") != first


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb"])
async def test_a_key_that_cannot_be_one(api: Api, key: str) -> None:
    reply = await api("POST", ORDER, headers={"Idempotency-Key": key}, accept=JSON)
    assert reply.status == 400
    assert reply.json["invalidInput"]["context"] == "Idempotency-Key"
    assert await hits(api) == 0
