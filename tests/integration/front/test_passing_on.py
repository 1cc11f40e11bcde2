"""What goes through a front goes through as it is, and nothing else does."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from io import BytesIO

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.integration.front.stand_in import front_of, serving

ADMIN = {"Authorization": aiohttp.encode_basic_auth("admin", "x")}


async def test_a_file_goes_through_as_it_comes() -> None:
    begun, total = asyncio.Event(), 0

    async def take(request: web.Request) -> web.Response:
        nonlocal total
        async for piece in request.content.iter_any():
            total += len(piece)
            begun.set()
        return web.Response(text=f"{request.content_length} {request.headers['X-Kind']}")

    async def pieces() -> AsyncIterator[bytes]:
        yield b"x" * 1024
        # More comes only when the site has what came before.
        await begun.wait()
        for _ in range(12):
            yield b"y" * (1024 * 1024)

    async with serving(take) as site, front_of({"VX": site}) as (front, _), aiohttp.ClientSession() as session:
        length = 1024 + 12 * 1024 * 1024
        sent = {**ADMIN, "Content-Length": str(length), "X-Kind": "film"}
        async with session.post(f"{front.address}/API/import/raw", data=pieces(), headers=sent) as answer:
            assert (answer.status, await answer.text()) == (200, f"{length} film")
        assert total == length
        # Of anything else there is not so much.
        big = await front("POST", "/API/job?type=TRANSCODE", body=BytesIO(b"z" * (11 * 1024 * 1024)))
        assert big.status == 413 and "invalidInput" in big.text


async def test_headers_of_a_connection_stay_there() -> None:
    seen: list[dict[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append({name.lower(): value for name, value in request.headers.items()} | {"body": await request.text()})
        return web.Response(
            text="well",
            headers={
                "Connection": "X-Own, keep-alive", "X-Own": "1", "Keep-Alive": "timeout=5", "Set-Cookie": "a=b",
                "Upgrade": "h2c", "X-Through": "yes", "Vidijob-Note": "a",
            },
        )  # fmt: skip

    async with serving(answer) as site, front_of({"VX": site}) as (front, _):
        reply = await front(
            "POST",
            "/API/job/VX-1/release",
            body=gzip.compress(b"packed"),
            headers={
                "Connection": "X-Secret, close", "X-Secret": "1", "TE": "trailers", "Cookie": "c=d", "Vidijob-Part": "whole",
                "Content-Encoding": "gzip", "X-Through": "yes", "X-Request-Id": "from-the-client", "RunAs": "ann",
            },
        )  # fmt: skip
    (got,) = seen
    assert not {"x-secret", "te", "cookie", "vidijob-part", "content-encoding"} & set(got)
    assert (got["x-through"], got["runas"], got["body"]) == ("yes", "ann", "packed")
    assert got["host"] == front.address.removeprefix("http://")
    assert got["x-request-id"] == reply.headers["X-Request-Id"] == "from-the-client"
    assert reply.status == 200 and (reply.headers["X-Through"], reply.headers["Vidijob-Note"]) == ("yes", "a")
    assert not {"X-Own", "Keep-Alive", "Set-Cookie", "Upgrade"} & set(reply.headers)


async def test_a_long_answer_goes_through_as_it_comes_and_is_cut_off_where_it_breaks() -> None:
    go_on = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        await go_on.wait()
        await response.write(b"more")
        if "whole" not in request.query:
            assert request.transport is not None
            request.transport.abort()
        return response

    async with serving(answer) as site, front_of({"VX": site}) as (front, _), aiohttp.ClientSession() as session:
        for query, whole in (("?whole", True), ("", False)):
            go_on.clear()
            async with session.get(f"{front.address}/API/job/VX-1{query}", headers=ADMIN) as got:
                assert await got.content.readany() == b"begun"
                go_on.set()
                if whole:
                    assert await got.read() == b"more"
                else:
                    with pytest.raises(aiohttp.ClientError):
                        await got.read()


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/API/job/VX-1",
        "/API/job/VX-1?next=http://127.0.0.1:1/",
        "/API//evil.example/VX-1",
        "/API/job/%2e%2e/x",
    ],
)
async def test_where_a_request_goes_is_not_the_clients_to_say(target: str) -> None:
    asked: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.rel_url.raw_path_qs)
        # Nor is the site's word for it followed.
        return web.Response(status=302, headers={"Location": "http://127.0.0.1:1/"})

    async with serving(answer) as site, front_of({"VX": site}) as (front, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(front.address.rpartition(":")[2]))
        writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert status.split()[1] == b"302"
    assert asked == [URL(target, encoded=True).raw_path_qs]


async def test_nothing_that_is_given_gets_into_a_header() -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(text="well")

    async with serving(answer) as site, front_of({"VX": site}) as (front, _):
        for path in ("/API/job?site=VX%0d%0aX-Evil:%201", "/API/job?tolerateMissing=%0d%0a", "/API/job;site=%00"):
            reply = await front("GET", path)
            assert reply.status == 400 and "X-Evil" not in reply.headers


async def test_a_client_that_leaves_holds_nothing() -> None:
    left = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
                await asyncio.sleep(0)
        finally:
            left.set()

    async with serving(answer) as site, front_of({"VX": site}) as (front, _), aiohttp.ClientSession() as session:
        async with session.get(f"{front.address}/API/job/VX-1", headers=ADMIN) as got:
            await got.content.readany()
        # The site is let go, too.
        await asyncio.wait_for(left.wait(), 10)
