"""A site that does not answer is told of, holds up nobody else, and is taken in again by itself."""

from __future__ import annotations

import asyncio
import time

import aiohttp
import pytest
from aiohttp import web

from tests.integration.api.vidispine.conftest import JSON, TEXT, XML
from tests.integration.front.conftest import World, fill
from tests.integration.front.stand_in import front_of, serving, silent
from vidijob.api.vidispine.translate import parts

REFUSES = "http://127.0.0.1:1"
LISTS = ("/API/job?user=false", "/API/job?user=false&number=700", "/API/job/problem", "/API/token")


async def test_a_list_is_refused_and_says_who_is_missing(world: World) -> None:
    async with front_of({"VX": world.sites["VX"].address, "VY": REFUSES}) as (front, _):
        for path in LISTS:
            reply = await front("GET", path)
            assert (reply.status, reply.headers["Vidijob-Missing-Sites"]) == (503, "VY"), path
            assert "The site VY is not available" in reply.text and reply.headers["Retry-After"] == "1"
        # What needs that site alone, and what may be there.
        assert (await front("GET", "/API/job/VY-1")).status == 503
        assert (await front("GET", "/API/job/order-x")).status == 503
        assert (await front("GET", "/API/jobtype?site=VX")).status == 200
        made = await front("POST", "/API/job?type=TRANSCODE&holdJob=true")
        assert made.find("jobId") == ["VX-1"]
        ready = await front("GET", "/ready")
        assert ready.json == {"status": "ready", "sites": {"VX": "ready", "VY": "away"}}


async def test_who_asks_for_it_gets_what_is_there(world: World) -> None:
    await fill(world, 900)
    theirs = world.sites["VX"]
    async with front_of({"VX": theirs.address, "VY": REFUSES}) as (front, _):
        for number in (5, 600):
            path = f"/API/job?user=false&sort=jobId&number={number}"
            reply = await front("GET", f"{path}&tolerateMissing=true")
            assert (reply.status, reply.headers["Vidijob-Missing-Sites"]) == (200, "VY")
            assert reply.find("hits") == (await theirs("GET", path)).find("hits")
            assert (reply.find("notFound/type"), reply.find("notFound/id")) == (["Site"], ["VY"])
            assert reply.find("job/jobId") == (await theirs("GET", path)).find("job/jobId")
        text = await front("GET", "/API/job?user=false&sort=jobId&tolerateMissing=true", accept=TEXT)
        assert text.headers["Vidijob-Missing-Sites"] == "VY"
        assert text.body == (await theirs("GET", "/API/job?user=false&sort=jobId", accept=TEXT)).body
        listed = await front("GET", "/API/jobtype?tolerateMissing=true", accept=JSON)
        assert (listed.status, listed.headers["Vidijob-Missing-Sites"]) == (200, "VY")
    async with front_of({"VX": theirs.address, "VY": REFUSES}, tolerant=True) as (front, _):
        assert (await front("GET", "/API/job")).headers["Vidijob-Missing-Sites"] == "VY"
        assert (await front("GET", "/API/job?tolerateMissing=false")).status == 503
        assert (await front("GET", "/API/job?sort=colour")).status == 400
    async with front_of({"VX": REFUSES, "VY": REFUSES}, tolerant=True) as (front, _):
        assert (await front("GET", "/API/job")).status == 503
        assert (await front("GET", "/ready")).status == 503


async def test_one_that_hangs_holds_up_nobody_else(world: World) -> None:
    async with silent() as hung, front_of({"VX": world.sites["VX"].address, "VY": hung}, patience=1) as (front, sites):
        began = time.monotonic()
        first = asyncio.create_task(front("GET", "/API/job"))
        await asyncio.sleep(0.1)
        # A site of its own is none the slower.
        assert (await front("GET", "/API/jobtype?site=VX")).status == 200
        assert not first.done()
        assert (await first).status == 503
        waited = time.monotonic() - began
        # From now on it is known, and nobody waits for it any more.
        assert sites.all[1].away is not None
        for path, status in (("/API/job", 503), ("/API/job/VY-1", 503), ("/API/job?tolerateMissing=true", 200)):
            began = time.monotonic()
            reply = await front("GET", path)
            assert reply.status == status and time.monotonic() - began < waited, path
            assert reply.headers["Vidijob-Missing-Sites"] == "VY", path


async def test_one_that_is_back_is_taken_in_again() -> None:
    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=request.path)

    async with serving(answer) as address:
        port = int(address.rpartition(":")[2])
    # Nobody is there by now.
    async with front_of({"VX": f"http://127.0.0.1:{port}"}) as (front, sites):
        assert (await front("GET", "/API/job/VX-1")).status == 503
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        try:
            async with asyncio.timeout(10):
                while sites.all[0].away is not None:
                    await asyncio.sleep(0.01)
            assert (await front("GET", "/API/job/VX-1")).text == "/API/job/VX-1"
        finally:
            await runner.cleanup()


@pytest.mark.parametrize(
    ("media", "body", "why"),
    [
        (JSON, b"{}", "its version is too old to be behind a front"),
        (parts.MEDIA, b"{}", "its answer cannot be read"),
        (parts.MEDIA, b"[", "its answer cannot be read"),
    ],
)
async def test_what_is_no_site_is_missing(
    world: World, media: str, body: bytes, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")

    async def say(request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=media)

    async with serving(say) as other, front_of({"VX": world.sites["VX"].address, "VY": other}) as (front, _):
        reply = await front("GET", "/API/job")
        assert (reply.status, reply.headers["Vidijob-Missing-Sites"]) == (503, "VY")
    assert why in caplog.text


async def test_two_addresses_of_one_site_are_not_taken_for_two(world: World) -> None:
    address = world.sites["VX"].address
    async with front_of({"VX": address, "VY": address}) as (front, _):
        assert (await front("GET", "/API/job")).headers["Vidijob-Missing-Sites"] == "VY"


async def test_a_fault_of_a_site_is_told_as_such(world: World) -> None:
    async def fail(request: web.Request) -> web.Response:
        return web.Response(status=502, text="a proxy")

    async with serving(fail) as other, front_of({"VX": world.sites["VX"].address, "VY": other}) as (front, _):
        reply = await front("GET", "/API/job")
        assert (reply.status, reply.text, reply.headers["Vidijob-Site"]) == (502, "a proxy", "VY")
        some = await front("GET", "/API/job?tolerateMissing=true")
        assert (some.status, some.headers["Vidijob-Missing-Sites"]) == (200, "VY")


async def test_a_long_list_is_cut_off_where_a_site_falls_silent(world: World) -> None:
    await fill(world, 2400)
    asked = 0

    async def relay(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        if asked > 2:
            # The count and the first part were answered.
            assert request.transport is not None
            request.transport.abort()
        headers = {name: value for name, value in request.headers.items() if name != "Host"}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{world.sites['VY'].address}{request.path_qs}", headers=headers) as answer,
        ):
            return web.Response(body=await answer.read(), headers={"Content-Type": answer.headers["Content-Type"]})

    async with serving(relay) as other, front_of({"VX": world.sites["VX"].address, "VY": other}) as (front, _):
        with pytest.raises(aiohttp.ClientError):
            await front("GET", "/API/job?user=false&number=2400&sort=user", accept=XML)
