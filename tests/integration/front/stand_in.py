"""Servers that stand in for a site which behaves as none of ours does, and fronts of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.integration.front.conftest import Caller
from vidijob.front.application import application
from vidijob.front.sites import Site, Sites

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """Answer every request with a handler; yields the address."""
    made = web.Application(client_max_size=64 * 1024 * 1024)
    made.add_routes([web.route("*", "/{tail:.*}", handler)])
    async with TestServer(made) as server:
        yield str(server.make_url("")).rstrip("/")


@asynccontextmanager
async def front_of(
    addresses: Mapping[str, str], *, tolerant: bool = False, patience: float = 5
) -> AsyncIterator[tuple[Caller, Sites]]:
    """Start a front of these sites; yields who calls it."""
    sites = Sites([Site(name, url, patience=patience, connect=0.5, look_again=0.05) for name, url in addresses.items()])
    made = application(sites, tolerant=tolerant, patience=patience)
    async with TestServer(made) as server, aiohttp.ClientSession(auto_decompress=False) as session:
        yield Caller(session, str(server.make_url("")).rstrip("/")), sites


@asynccontextmanager
async def silent() -> AsyncIterator[str]:
    """Take connections, and never answer."""
    hung: list[asyncio.StreamWriter] = []

    async def hang(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hung.append(writer)

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    for writer in hung:
        writer.close()
