"""``GET /metrics``: what Prometheus reads, and that it is so."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from tests.integration.engine.conftest import ADMIN, Engine, ScriptedExecutor
from tests.integration.serving import served
from vidijob.engine import metering
from vidijob.engine.metering import Meters, Samples
from vidijob.engine.scheduler import Scheduler
from vidijob.engine.worker import Worker
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.registry import Registry
from vidijob.jobs.model import Priority
from vidijob.observability.logs import JOB, REQUEST, JsonFormatter, PrettyFormatter
from vidijob.observability.recording import Metric
from vidijob.store import users
from vidijob.store.database import Database
from vidijob.web.monitor import build_monitor

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass
class Scrape:
    """What was read."""

    values: Values
    types: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, key: str | tuple[str, dict[str, str]]) -> float:
        name, labels = (key, {}) if isinstance(key, str) else key
        return self.values.get((name, tuple(sorted(labels.items()))), 0.0)

    def since(self, before: Scrape, name: str, **labels: str) -> float:
        """How much a counter has grown."""
        return self[name, labels] - before[name, labels]


async def scrape(client: TestClient) -> Scrape:  # type: ignore[type-arg]
    async with client.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        text = await answer.text()
    families = list(text_string_to_metric_families(text))
    return Scrape(
        {(one.name, tuple(sorted(one.labels.items()))): one.value for family in families for one in family.samples},
        {family.name: family.type for family in families},
    )


@pytest.fixture
async def client(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[TestClient]:  # type: ignore[type-arg]
    """A client of a server on the engine; what it reads is never a moment old."""
    monkeypatch.setattr(metering, "_REMEMBERED", 0.0)
    await engine.write_types()
    async with served(engine) as client:
        yield client


async def act(step: StepContext) -> Outcome:
    return Fail("No.") if step.data.get("do") == ["fail"] and step.step == 200 else Done()


async def test_jobs_steps_and_waits_are_counted(engine: Engine, client: TestClient) -> None:  # type: ignore[type-arg]
    before = await scrape(client)
    samples = Samples(engine.database)
    registry = Registry({"test": ScriptedExecutor(work=act)})
    worker = Worker(engine.database, engine.bell, registry, slots=4, site="VX", told=samples.begun)
    scheduler = Scheduler(engine.database, engine.bell, concurrent_jobs=3, told=samples.admitted)
    engine.parts += [worker, scheduler]
    worker.start()
    scheduler.start()
    good, bad = await engine.submit(), await engine.submit(do="fail")
    await engine.commands.submit(ADMIN, "WORK", Priority.LOW, {}, hold=True)
    await engine.until(good)
    await engine.until(bad)
    await samples.tick()
    after = await scrape(client)
    for state in ("FINISHED", "FAILED_TOTAL", "HOLD"):
        assert after["vidijob_jobs", {"type": "WORK", "state": state}] == 1
    assert after.since(before, "vidijob_jobs_submitted_total", type="WORK") == 3
    assert after.since(before, "vidijob_jobs_admitted_total") == 2
    assert after.since(before, "vidijob_job_admission_seconds_count") == 2
    assert after.since(before, "vidijob_step_claim_seconds_count") >= 2
    assert 0 < after.since(before, "vidijob_job_admission_seconds_sum") < 20
    finished = {"type": "WORK", "executor": "test", "state": "FINISHED"}
    # Three steps and a clean-up; two steps, of which one fails, and a clean-up.
    assert after.since(before, "vidijob_step_seconds_count", **finished) == 6
    assert after.since(before, "vidijob_step_seconds_count", **{**finished, "state": "FAILED_FATAL"}) == 1
    assert after.since(before, "vidijob_steps_taken_total", type="WORK") == 7
    assert after["vidijob_job_slots", {"state": "free"}] == 3
    assert after["vidijob_workers", {"state": "working"}] == 1
    assert after["vidijob_scheduler_led"] == after["vidijob_database_up"] == 1
    assert after["vidijob_events_total"] > 10
    assert after.since(before, "vidijob_database_statements_total", statement="job.submit") >= 1
    assert after["vidijob_database_connections_used", {"pool": "engine"}] >= 0
    assert after["vidijob_process_resident_memory_bytes", {"pid": str(os.getpid())}] > 10_000_000


async def test_each_metric_is_declared_and_those_without_labels_are_there_at_once(client: TestClient) -> None:  # type: ignore[type-arg]
    shown = (await scrape(client)).types
    declared = {one.name.removesuffix("_total"): one for one in Metric.ALL}
    assert shown.items() <= {name: one.kind for name, one in declared.items()}.items()
    assert {name for name, one in declared.items() if not one.labels} <= set(shown)


async def test_a_queue_shows_its_age_and_what_waits(engine: Engine, client: TestClient) -> None:  # type: ignore[type-arg]
    for priority in (Priority.LOW, Priority.HIGH, Priority.HIGH):
        await engine.commands.submit(ADMIN, "WORK", priority, {})
    async with engine.database.session() as session:
        await session._connection.execute(
            "UPDATE job_queue SET since = since - interval '1 min' WHERE priority = 'HIGH'"
        )
        await session._connection.execute(
            "INSERT INTO problem (type, data, reason, next_check) VALUES ('TEST', '{}', 'Why.', now())"
        )
    shown = await scrape(client)
    assert 60 <= shown["vidijob_job_queue_age_seconds", {"priority": "HIGH"}] < 90
    assert 0 < shown["vidijob_job_queue_age_seconds", {"priority": "LOW"}] < 30
    assert ("vidijob_job_queue_age_seconds", (("priority", "MEDIUM"),)) not in shown.values
    assert shown["vidijob_jobs", {"type": "WORK", "state": "READY"}] == 3
    assert shown["vidijob_problems", {"type": "TEST"}] == 1
    assert shown["vidijob_scheduler_led"] == 0


async def test_requests_are_counted_by_template_whatever_callers_make_up(client: TestClient) -> None:  # type: ignore[type-arg]
    before = await scrape(client)
    for method, path in (
        ("GET", "/API/job/VX-1"), ("GET", "/API/job/VX-2;x=y?z=1"), ("GET", "/health"), ("GET", "/made/up"),
        ("PURGE", "/API/job"), ("GET", "/API/nothing/here"),
    ):  # fmt: skip
        async with client.request(method, path):
            pass
    after = await scrape(client)
    grown = {
        (labels["route"], labels["method"], labels["status"]): after.values[name, pairs]
        - before.values.get((name, pairs), 0)
        for name, pairs in after.values
        if name == "vidijob_http_requests_total" and (labels := dict(pairs))
    }
    assert {key: number for key, number in grown.items() if number} == {
        ("/API/job/{id}", "GET", "401"): 2,
        ("/health", "GET", "200"): 1,
        ("none", "GET", "404"): 1,
        ("/API{tail}", "other", "401"): 1,
        ("/API{tail}", "GET", "401"): 1,
        ("/metrics", "GET", "200"): 1,
    }
    assert not [key for key in after.values if "VX-1" in str(key) or "made" in str(key)]
    assert after["vidijob_http_requests_open"] == 1


async def test_without_its_database_a_process_still_tells_what_it_has_counted(engine: Engine) -> None:
    away = Database(lambda: engine.database.url, patience=0.1)
    async with TestClient(TestServer(build_monitor(Meters(away)))) as client:
        shown = await scrape(client)
        async with client.get("/health") as answer:
            assert answer.status == 200
    assert shown["vidijob_database_up"] == 0
    assert ("vidijob_scheduler_led", ()) not in shown.values
    assert "vidijob_leases_lost" in shown.types


async def test_slow_statements_are_told_by_name_and_nothing_else(url: str, caplog: pytest.LogCaptureFixture) -> None:
    database = Database(lambda: url, connections=1, slow=0.000001)
    await database.open()
    try:
        await users.add(database, "ann", "a secret", [])
    finally:
        await database.close()
    assert any(record.getMessage().startswith("slow: the statement user.add took ") for record in caplog.records)
    assert "a secret" not in caplog.text and "ann" not in caplog.text


def test_an_entry_says_which_request_and_job_it_belongs_to() -> None:
    record = logging.LogRecord("vidijob.x", logging.WARNING, __file__, 1, "it took %d s\nlong", (3,), None)
    record.fields = {"route": "/API/job/{id}"}
    assert PrettyFormatter("%(name)s: %(message)s").format(record) == "vidijob.x: it took 3 s\nlong"
    request, job = REQUEST.set("abc"), JOB.set("VX-1")
    try:
        entry = orjson.loads(JsonFormatter().format(record))
        shown = PrettyFormatter("%(name)s: %(message)s").format(record)
    finally:
        REQUEST.reset(request)
        JOB.reset(job)
    assert shown == "vidijob.x: it took 3 s [abc VX-1]\nlong"
    assert entry.pop("time").endswith("+00:00") and entry.pop("process") == os.getpid()
    assert entry == {
        "level": "warning", "logger": "vidijob.x", "message": "it took 3 s\nlong", "request": "abc", "job": "VX-1",
        "route": "/API/job/{id}",
    }  # fmt: skip
    try:
        raise ValueError("the tape is torn")
    except ValueError:
        record.exc_info = sys.exc_info()
    line = JsonFormatter().format(record)
    assert "ValueError: the tape is torn" in orjson.loads(line)["error"] and "\n" not in line
