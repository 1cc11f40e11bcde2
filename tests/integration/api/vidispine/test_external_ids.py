"""External ids of jobs, and that one stands for the job's id in every path."""

from __future__ import annotations

import asyncio

import pytest

from tests.integration.api.vidispine.conftest import JSON, TEXT, Api
from vidijob.api.vidispine.routes import TABLE

NAME = "urn:example:order 42/ü"
PATH = "urn:example:order%2042%2F%C3%BC"


async def test_given_listed_taken(api: Api) -> None:
    id = await api.create()
    for _ in range(2):
        reply = await api("PUT", f"/API/job/{id}/external-id/{PATH}")
        assert (reply.status, reply.body) == (200, b"")
    await api("PUT", f"/API/job/{id}/external-id/a")
    assert (await api("GET", f"/API/job/{id}/external-id", accept=JSON)).json == {
        "id": [
            {"entityId": id, "entityType": "Job", "namespace": "default", "externalId": name} for name in ("a", NAME)
        ]
    }
    assert (await api("GET", f"/API/job/{id}/external-id")).find("id/externalId") == ["a", NAME]
    assert (await api("DELETE", f"/API/job/{id}/external-id/{PATH}")).status == 200
    gone = await api("DELETE", f"/API/job/{id}/external-id/{PATH}", accept=JSON)
    assert gone.status == 404 and gone.json["notFound"]["type"] == "ExternalIdentifier"
    await api("PUT", f"/API/job/{id}/external-id/b")
    assert (await api("DELETE", f"/API/job/{id}/external-id")).status == 200
    assert (await api("GET", f"/API/job/{id}/external-id", accept=JSON)).text == "{}"
    assert (await api("GET", "/API/job/a")).status == 404


async def test_it_stands_for_the_id_in_every_path(api: Api) -> None:
    id = await api.create()
    await api("PUT", f"/API/job/{id}/external-id/{PATH}")
    assert (await api("GET", f"/API/job/{PATH}")).find("jobId") == [id]
    assert (await api("GET", f"/API/job/{PATH};metadata=true/", accept=TEXT)).text == "READY"
    assert (await api("PUT", f"/API/job/{PATH}?priority=LOW")).status == 200
    assert (await api("POST", f"/API/job/{PATH}/re-run")).find("priority") == ["LOW"]
    assert (await api("DELETE", f"/API/job/{PATH}?cleanup=false")).status == 200
    assert (await api("GET", f"/API/job/{id}", accept=TEXT)).text == "ABORTED"
    # A path that does not know the name is a 404 about a job; any other answer means that it was found.
    for route in TABLE.routes:
        if route.segments[:2] == ("job", "{id}") and route.method == "GET":
            path = "/API" + route.path.replace("{id}", PATH).replace("{nid}", "VX-1")
            reply = await api("GET", path, accept="*/*")
            assert reply.status == 200 or reply.find("notFound/type") != ["Job"], path


async def test_the_id_goes_before_a_name(api: Api) -> None:
    id = await api.create()
    assert (await api("GET", f"/API/job/JOB-{id}")).find("jobId") == [id]


@pytest.mark.parametrize("name", ["VX-1", "VX-77", "KP-1", "JOB-VX-1", "search", "problem", "Notification", "all"])
async def test_a_name_that_would_be_taken_for_something_else(api: Api, name: str) -> None:
    id = await api.create()
    reply = await api("PUT", f"/API/job/{id}/external-id/{name}", accept=JSON)
    assert reply.status == 400 and reply.json["invalidInput"]["context"] == "external-id"


@pytest.mark.parametrize("name", ["%00", "%0D%0A", "%7F", "%C2%80", "x" * 256, "."])
async def test_a_name_that_cannot_be_kept(api: Api, name: str) -> None:
    id = await api.create()
    assert (await api("PUT", f"/API/job/{id}/external-id/{name}")).status == 400
    for path in (f"/API/job/{name}", f"/API/job/{name}/external-id", f"/API/job/{id}/external-id/{name}"):
        assert (await api("DELETE", path)).status == 404


async def test_a_name_has_one_job(api: Api) -> None:
    first, second = await api.create(), await api.create()
    assert (await api("PUT", f"/API/job/{first}/external-id/a")).status == 200
    reply = await api("PUT", f"/API/job/{second}/external-id/a", accept=JSON)
    assert reply.status == 409 and reply.json["conflict"]["id"] == "a"
    assert (await api("PUT", f"/API/job/{second}/external-id/a", accept=TEXT)).text.startswith("409 ")
    assert (await api("GET", "/API/job/a")).find("jobId") == [first]
    assert (await api("DELETE", f"/API/job/{second}/external-id/a")).status == 404
    # Letter case counts.
    assert (await api("PUT", f"/API/job/{second}/external-id/A")).status == 200


async def test_two_at_once_get_one(api: Api) -> None:
    ids = [await api.create() for _ in range(8)]
    replies = await asyncio.gather(*(api("PUT", f"/API/job/{id}/external-id/a") for id in ids))
    assert sorted(reply.status for reply in replies) == [200] + [409] * 7
    (holder,) = (id for id, reply in zip(ids, replies, strict=True) if reply.status == 200)
    assert (await api("GET", "/API/job/a")).find("jobId") == [holder]


async def test_it_goes_with_its_job(api: Api) -> None:
    first, second = await api.create(), await api.create()
    await api("PUT", f"/API/job/{first}/external-id/a")
    await api("DELETE", "/API/job/a?cleanup=false")
    assert (await api("DELETE", f"/API/job?id={first}")).status == 200
    assert (await api("GET", "/API/job/a")).status == 404
    assert (await api("PUT", f"/API/job/{second}/external-id/a")).status == 200


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", ""), ("PUT", "/a"), ("DELETE", "/a")])
@pytest.mark.parametrize("id", ["VX-7", "nothing"])
async def test_of_a_job_that_is_not_there(api: Api, method: str, path: str, id: str) -> None:
    reply = await api(method, f"/API/job/{id}/external-id{path}", accept=JSON)
    assert reply.status == 404 and reply.json["notFound"]["id"] == id


async def test_an_external_id_is_no_id_in_lists(api: Api) -> None:
    id = await api.create()
    await api("PUT", f"/API/job/{id}/external-id/a")
    assert (await api("DELETE", "/API/job?id=a")).status == 404
