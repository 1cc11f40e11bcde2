"""A worker without API tells its metrics on a port of its own, logs lines of JSON, and sends traces to a collector."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import BaseTestServer, TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.acceptance.conftest import Client, Installation, free_port, until


@pytest.fixture
async def collector() -> AsyncIterator[tuple[BaseTestServer, list[str]]]:
    """A collector of traces, and the names of the spans that it got."""
    names: list[str] = []

    async def take(request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        names.extend(span.name for one in sent.resource_spans for two in one.scope_spans for span in two.spans)
        return web.Response(content_type="application/x-protobuf")

    application = web.Application()
    application.add_routes([web.post("/v1/traces", take)])
    async with TestServer(application) as server:
        yield server, names


async def test_an_api_and_a_worker_are_watched_apart(
    installation: Installation,
    client: Client,
    session: aiohttp.ClientSession,
    collector: tuple[BaseTestServer, list[str]],
) -> None:
    server, names = collector
    ports = {"api": free_port(), "worker": free_port()}
    common = {"log_format": "json", "otlp_endpoint": str(server.make_url("")).rstrip("/"), "slow_statement": 0.000001}
    api = installation.run("serve", "--role", "api", "--role", "scheduler", metrics_port=ports["api"], **common)
    worker = installation.run("worker", metrics_port=ports["worker"], **common)
    await client.ready()
    (installation.storage / "note").write_text("kept")
    uri = installation.storage.as_uri()
    id = await client.submit("COPY_FILE", sourceUri=f"{uri}/note", destinationUri=f"{uri}/copy")
    assert (await client.until(id))["status"] == "FINISHED"
    async with session.get(client.api.replace("/API", "/metrics")) as answer:
        assert answer.status == 404
    shown = {}
    for name, port in ports.items():
        async with session.get(f"http://127.0.0.1:{port}/metrics") as answer:
            assert answer.status == 200
            shown[name] = await answer.text()
    assert 'vidijob_steps_taken_total{type="COPY_FILE"}' in shown["worker"]
    assert 'vidijob_steps_taken_total{type="COPY_FILE"}' not in shown["api"]
    assert 'vidijob_jobs_submitted_total{type="COPY_FILE"} 1.0' in shown["api"]
    for text in shown.values():
        assert 'vidijob_jobs{state="FINISHED",type="COPY_FILE"} 1.0' in text
    for process in (api, worker):
        process.terminate()
    await asyncio.gather(*(asyncio.to_thread(process.wait, 20) for process in (api, worker)))
    await until(lambda: "POST /API/job" in names and any(name.startswith("file.") for name in names), 10)
    entries = [json.loads(line) for line in installation.log().splitlines() if line.startswith("{")]
    slow = [one for one in entries if one["message"].startswith("slow: the statement ")]
    assert {"time", "level", "logger", "message", "process"} <= set(slow[0])
    # A statement that was sent for a request says for which; whether the job is started by the same depends on who leads by then.
    stored = [one for one in slow if re.search(r" (arrival\.start|job\.submit) ", one["message"])]
    assert stored and all("request" in one and "trace" in one for one in stored)
