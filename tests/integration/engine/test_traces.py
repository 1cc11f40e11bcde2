"""One trace from the request that submits a job to the steps that carry it out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.integration.engine.conftest import Engine, ScriptedExecutor
from tests.integration.serving import served
from vidijob import access
from vidijob.access import ROLES
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.observability import tracing
from vidijob.store import users

CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
LOGIN = {"Authorization": aiohttp.encode_basic_auth("ann", "correct horse"), "Accept": "application/json"}
_HASH = access.hash_password("correct horse")


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What was traced."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.use(provider)
    yield exporter
    tracing.use(None)
    provider.shutdown()


async def act(step: StepContext) -> Outcome:
    return Fail("The tape is torn.") if step.data.get("do") == ["fail"] and step.step == 100 else Done()


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[TestClient[web.Request, web.Application]]:
    """A client of a server whose engine runs."""
    await users.add(engine.database, "ann", _HASH, list(ROLES))
    await engine.write_types()
    engine.worker(ScriptedExecutor(work=act))
    engine.scheduler()
    async with served(engine) as client:
        yield client


async def submit(client: TestClient[web.Request, web.Application], path: str, **options: Any) -> Any:
    headers = {**LOGIN, "traceparent": CALLER}
    async with client.post(path, headers=headers, **options) as answer:
        assert answer.status == 200, await answer.text()
        return json.loads(await answer.read())


def trace_of(span: ReadableSpan) -> str:
    return f"{span.context.trace_id:032x}" if span.context is not None else ""


async def test_the_steps_of_a_job_are_children_of_the_request_that_submitted_it(
    engine: Engine, client: TestClient[web.Request, web.Application], spans: InMemorySpanExporter
) -> None:
    id = (await submit(client, "/API/job?type=WORK"))["jobId"]
    await engine.until(id)
    found = spans.get_finished_spans()
    (request,) = (span for span in found if span.name == "POST /API/job")
    assert request.parent is not None and f"{request.parent.span_id:016x}" == CALLER.split("-")[2]
    assert request.attributes is not None and request.attributes["http.response.status_code"] == 200
    steps = [span for span in found if span.name == "test.work"]
    assert [span.attributes["vidijob.step"] for span in steps if span.attributes] == [100, 200, 300, 5000]
    for step in steps:
        assert step.parent is not None and request.context is not None
        assert step.parent.span_id == request.context.span_id
        assert step.attributes is not None and step.attributes["vidijob.job"] == id
        assert step.attributes["vidijob.outcome"] == "Done"
    # The statements of the request are in it, what the engine asks by itself is no trace.
    inside = [span for span in found if span.name.startswith(("job.", "user.", "trace."))]
    assert {"user.find", "job.submit", "trace.put"} <= {span.name for span in inside}
    assert {trace_of(span) for span in found} == {CALLER.split("-")[1]}


async def test_what_fails_is_marked_and_each_of_a_list_is_traced(
    engine: Engine, client: TestClient[web.Request, web.Application], spans: InMemorySpanExporter
) -> None:
    orders = [{"type": "WORK", "data": [{"key": "do", "value": "fail"}]}, {"type": "WORK"}]
    made = await submit(client, "/API/job/bulk", json={"job": orders})
    for job in made["job"]:
        await engine.until(job["jobId"])
    failed = [span for span in spans.get_finished_spans() if span.name == "test.work" and not span.status.is_ok]
    failed = [span for span in failed if not span.status.is_unset]
    assert [(span.attributes or {})["vidijob.step"] for span in failed] == [100]
    assert failed[0].status.description == "The tape is torn."
    jobs = {(span.attributes or {}).get("vidijob.job") for span in spans.get_finished_spans()} - {None}
    assert jobs == {job["jobId"] for job in made["job"]}
    again = (await submit(client, f"/API/job/{made['job'][1]['jobId']}/re-run"))["jobId"]
    await engine.until(again)
    (rerun,) = (span for span in spans.get_finished_spans() if span.name == "POST /API/job/{id}/re-run")
    steps = [span for span in spans.get_finished_spans() if (span.attributes or {}).get("vidijob.job") == again]
    assert steps and all(
        span.parent and rerun.context and span.parent.span_id == rerun.context.span_id for span in steps
    )


async def test_without_tracing_nothing_is_kept_or_asked(
    engine: Engine, client: TestClient[web.Request, web.Application]
) -> None:
    id = (await submit(client, "/API/job?type=WORK"))["jobId"]
    await engine.until(id)
    assert tracing.current() is None and tracing.trace_id() is None
    async with engine.database.session() as session:
        assert await session._connection.fetchval("SELECT count(*) FROM job_trace") == 0
