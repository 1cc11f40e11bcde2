"""GET /job/events: what happens to jobs, each thing once and in order, in whichever process a client comes back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest

from tests.integration.api.vidispine.conftest import XML, Api, Finish
from tests.integration.api.vidispine.servers import Other, beside, statements
from tests.integration.engine.conftest import Engine
from vidijob.api.vidispine import events as face
from vidijob.engine import tail
from vidijob.web import keys


@pytest.fixture
async def other(api: Api, url: str) -> AsyncIterator[Other]:
    """Another server on the database of the first."""
    async with beside(api, url) as other:
        yield other


class Stream:
    """An open stream: what it was told, and where it is."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self.place = ""

    async def next(self) -> tuple[str, dict[str, Any]]:
        """Return the next event: its name and what it says; raises ``EOFError`` at the end."""
        name = ""
        async with asyncio.timeout(15):
            while True:
                line = (await self._answer.content.readline()).decode()
                if not line:
                    raise EOFError
                key, _, value = line.strip().partition(": ")
                if key == "id":
                    self.place = value
                elif key == "event":
                    name = value
                elif key == "data":
                    return name, json.loads(value)

    async def take(self, number: int) -> list[dict[str, Any]]:
        """Return what the next events say."""
        return [(await self.next())[1] for _ in range(number)]


@asynccontextmanager
async def opened(
    other: Other, query: str = "", *, user: str = "plain", headers: dict[str, str] | None = None
) -> AsyncIterator[Stream]:
    """Follow what happens; returns when the server has said where that begins."""
    async with other.get(f"/API/job/events?{query}", user=user, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert answer.headers["X-Accel-Buffering"] == "no" and answer.headers["Cache-Control"] == "no-store"
        stream = Stream(answer)
        assert (await answer.content.readline()).startswith(b"retry: ")
        stream.place = (await answer.content.readline()).decode().removeprefix("id: ").strip()
        yield stream


async def test_a_client_goes_on_in_another_process_exactly_where_it_was(
    api: Api, other: Other, finish: Finish, url: str, engine: Engine
) -> None:
    async with opened(other, "step=true") as stream, beside(api, url) as third:
        ids = [await api.create() for _ in range(3)]
        await finish(ids[0])
        first = await stream.take(4)
        place = stream.place
        for id in ids[1:]:
            await finish(id)
        everything = await engine.events()
        rest = await stream.take(len(everything) - 4)
        places = [stream.place]
        # In the header, as browsers say it by themselves, or in the URL; the header goes before.
        for query, headers in (
            (f"step=true&after={quote(place)}", {}),
            ("step=true", {"Last-Event-ID": place}),
            ("step=true&after=0", {"Last-Event-ID": place}),
        ):
            async with opened(third, query, headers=headers) as again:
                assert again.place == place
                assert await again.take(len(rest)) == rest
                # The same event; how far it has been looked beyond that may differ.
                assert again.place.split("-")[-1] == stream.place.split("-")[-1]
                places.append(again.place)
        # From each of these places nothing is told twice and nothing is left out, in whichever process.
        await api.create()
        following = await stream.take(1)
        for place, server in product(set(places), (other, third)):
            async with opened(server, f"step=true&after={quote(place)}") as again:
                assert await again.take(1) == following
    told = [(one["jobId"], one.get("step"), one.get("previous"), one["status"]) for one in first + rest]
    assert sorted(told, key=str) == sorted(((f"VX-{job}", *what) for job, *what in everything), key=str)
    assert {one["type"] for one in first + rest} == {"WORK"}
    assert list(first[0]) == ["jobId", "type", "status", "time"] and first[0]["time"].endswith("+0000")


async def test_only_what_is_asked_for_is_told(api: Api, other: Other, engine: Engine) -> None:
    async with (
        opened(other, "type=THUMBNAIL,EXPORT") as types,
        opened(other, "id=VX-2,VX-3") as jobs,
        opened(other, "id=VX-3&step=true") as one,
        opened(other) as every,
    ):
        ids = [await api.create(f"type={type}") for type in ("WORK", "THUMBNAIL", "EXPORT")]
        for id in ids:
            await api("DELETE", f"/API/job/{id}?cleanup=false")
        told = [(job["jobId"], job["status"]) for job in await every.take(6)]
        assert told == [*((id, "READY") for id in ids), *((id, "ABORTED") for id in ids)]
        assert [job["jobId"] for job in await types.take(4)] == ids[1:] * 2
        assert [job["jobId"] for job in await jobs.take(4)] == ids[1:] * 2
        assert [job["status"] for job in await one.take(2)] == ["READY", "ABORTED"]
        # What happened to a job goes with it, but for that; so it is not deleted before it was told.
        assert (await api("DELETE", "/API/job?id=VX-3")).status == 200
        assert [(await each.next())[1]["status"] for each in (types, jobs, one, every)] == ["DELETED"] * 4
    await api("PUT", f"/API/job/{ids[0]}/external-id/mine")
    async with opened(other, "id=mine&after=0") as named:
        assert [job["jobId"] for job in await named.take(2)] == [ids[0]] * 2


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("after=nowhere", 400),
        (f"after={10**18}", 400),
        ("id=" + "VX-1," * 101, 400),
        ("step=perhaps", 400),
        ("id=what", 404),
    ],
)
async def test_what_cannot_be_followed(api: Api, query: str, status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "_REACHED", 0.1)
    assert (await api("GET", f"/API/job/events?{query}", accept=None)).status == status
    assert (await api("GET", f"/API/job/events?{query}", accept=XML)).status == 406


async def test_too_many_are_told_to_come_again(api: Api, other: Other, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "MOST", 1)
    async with opened(other), other.get("/API/job/events") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


async def test_who_may_not_see_jobs_hears_nothing_of_them(
    api: Api, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(face, "_ASK", 0.0)
    for user, status in (("nobody", 403), ("job_write", 403)):
        assert (await api("GET", "/API/job/events", user=user, accept=None)).status == status
    assert (await api("GET", "/API/job/events", user=None, accept=None)).status == 401
    async with opened(other) as stream, opened(other, user="other") as stays:
        await api.create()
        assert [(await each.next())[1]["jobId"] for each in (stream, stays)] == ["VX-1"] * 2
        await other.application[keys.SERVICES].accounts.set_disabled("plain", True)
        await api.create()
        with pytest.raises(EOFError):
            await stream.next()
        assert (await stays.next())[1]["jobId"] == "VX-2"


async def test_hundreds_of_followers_cost_nothing_while_nothing_happens(
    api: Api, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = other.application[keys.SERVICES].tail
    answers = await asyncio.gather(*(other.get("/API/job/events") for _ in range(300)))
    assert room._following == 300
    before = -1
    while before != (before := statements()):
        await asyncio.sleep(0.2)
    await asyncio.sleep(1)
    assert statements() - before <= 3, "one look for all of them, every few seconds"
    id = await api.create()
    for answer in answers:
        assert (await Stream(answer).next())[1]["jobId"] == id
    assert all(len(one.waiting) == 0 for one in room._followers)
    # Clients that are killed are forgotten when they are next sent something.
    monkeypatch.setattr(tail, "_PULSE", 0.1)
    monkeypatch.setattr(face, "_PULSE", 0.1)
    for answer in answers:
        answer.close()
    await api.create()
    async with asyncio.timeout(10):
        while room._following:
            await asyncio.sleep(0.02)
    assert room._place is None


async def test_who_hears_nothing_is_told_where_to_go_on(
    api: Api, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_PULSE", 0.1)
    monkeypatch.setattr(face, "_PULSE", 0.1)
    async with opened(other, "type=EXPORT") as stream:
        await api.create()
        began = stream.place
        async with asyncio.timeout(10):
            while stream.place == began:
                line = (await stream._answer.content.readline()).decode().strip()
                assert not line or line.startswith("id: ")
                stream.place = line.removeprefix("id: ") or stream.place
    # The job that was of another type is behind it.
    await api.create("type=EXPORT")
    async with opened(other, f"after={stream.place}") as again:
        assert (await again.next())[1]["type"] == "EXPORT"


async def test_a_server_that_stops_lets_them_go_on_elsewhere(api: Api, other: Other, url: str) -> None:
    async with beside(api, url) as stopping, opened(stopping) as stream:
        id = await api.create()
        assert (await stream.next())[1]["jobId"] == id
        stopping.application[keys.SERVICES].tail.close()
        with pytest.raises(EOFError):
            await stream.next()
    later = await api.create()
    async with opened(other, headers={"Last-Event-ID": stream.place}) as again:
        assert (await again.next())[1]["jobId"] == later


async def test_a_head_request_ends(api: Api) -> None:
    assert (await api("HEAD", "/API/job/events", accept=None)).status == 200
