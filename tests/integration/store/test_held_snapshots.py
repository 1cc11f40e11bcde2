"""While somebody reads from one snapshot, all that is gone since then stays. The statements that each job goes through pass none
of it, however many jobs there have been.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from tests.integration.store.test_plans import explain, planning
from vidijob.jobs.graph import plan
from vidijob.jobs.model import Dependency, JobId, Lease, Priority, StepNumber, TaskDefinition, WorkerId
from vidijob.jobs.policy import Admission
from vidijob.jobs.states import JobState, StepState
from vidijob.store import admissions, direct, jobs, limits, slots, steps, workers
from vidijob.store.database import Database
from vidijob.store.direct import Offer
from vidijob.store.jobs import NewJob
from vidijob.store.steps import End, Held

#: So many jobs are under way at once.
LIMIT = 20
#: So often that many go through before it is looked first, and after that.
FIRST, THEN = 20, 200
PLAN = plan([TaskDefinition(StepNumber(100), "A step", "test", "work", Dependency(previous=True))])
HELD = [StepState.STARTED.value, StepState.STARTED_ASYNCHRONOUS.value]
NEW = NewJob("TEST", JobState.READY, Priority.MEDIUM, "user", {}, PLAN)
#: What a worker tells of the steps that it holds, by statements: of each besides its name, and of all.
TOLD: dict[str, tuple[Any, ...]] = {
    "step.extend": ({}, 10.0),
    "step.note": ({"notes": [{"at": "2026-05-04T10:00:00Z", "text": "A line"}]},),
    "step.tell": ({"data": {"fileUri": ["file:///a.mp4"]}},),
    "signal.send": ({}, HELD),
    "sub_task.split": ({"total": 2}, HELD),
    "sub_task.tell": ({"place": 0, "description": "A part", "state": "STARTED", "at": 1},),
}


class Line:
    """Jobs that go through a database, so many at a time."""

    def __init__(self, database: Database, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._database = database
        self._connection = connection
        self._holder = uuid4()
        self._offer = Offer(WorkerId(uuid4()), ["test"], LIMIT, timedelta(minutes=10))
        self._rows: dict[int, slots.Row] = {}

    async def start(self) -> None:
        """Lead, and make the slots."""
        await workers.campaign(self._database, "scheduler", self._holder, timedelta(minutes=10))
        levels = dict.fromkeys(range(1, LIMIT + 1), Priority.LOWEST)
        await slots.arrange(self._database, self._holder, 1, levels, ())
        self._rows = dict((await limits.read(self._database)).rows)

    async def submit(self) -> list[JobId]:
        """Submit some jobs."""
        return [stored[0] for stored in await jobs.submit(self._database, [NEW] * LIMIT) if stored is not None]

    async def admit(self, ids: list[JobId]) -> list[Lease]:
        """Start jobs, where it is known where the slots lie."""
        chosen = [Admission(job, slot) for slot, job in enumerate(ids, 1)]
        tids = {number: row.tid for number, row in self._rows.items()}
        admitted = await admissions.admit(self._database, self._holder, 1, chosen, self._offer, tids=tids)
        assert admitted.started == ids and len(admitted.leases) == LIMIT
        self._rows |= admitted.filled
        return admitted.leases

    async def end(self, leases: list[Lease]) -> None:
        """End them."""
        ends = [End(Held(lease.job, lease.step, lease.number), StepState.FINISHED) for lease in leases]
        assert len((await direct.end(self._database, ends, self._offer)).over) == LIMIT

    async def run(self, rounds: int) -> None:
        """Let so many times as many jobs go through."""
        for _ in range(rounds):
            await self.end(await self.admit(await self.submit()))

    async def _analyse(self) -> None:
        """Let the planner know how few rows are in tables: so it is, but they are not small."""
        await self._connection.execute("ANALYZE job, step, job_queue, step_queue, lease, slot")

    async def read(self, *, known: bool = True) -> dict[str, list[dict[str, Any]]]:
        """Let some jobs go through, and return the scans of each statement; ``known``: where the slots lie."""
        ids = await self.submit()
        await self._analyse()
        offer = [self._offer.worker, ["test"], LIMIT, 600.0, []]
        nothing = ["NULL"] * LIMIT
        tids = [f'"{self._rows[number].tid}"' if known else "NULL" for number in range(1, LIMIT + 1)]
        numbers = list(range(1, LIMIT + 1))
        found = {
            "job.head_behind": await self._scans("job.head_behind", LIMIT, [ids[0] - 1] * len(Priority)),
            "job.admit": await self._scans(
                "job.admit", self._holder, 1, ids, numbers, ["READY"], nothing, nothing, *offer, None, tids
            ),
        }
        leases = await self.admit(ids)
        await self._analyse()
        steps_, held = [lease.step for lease in leases], [lease.number for lease in leases]
        found["direct.end"] = await self._scans(
            "direct.end", [lease.job for lease in leases], steps_, held, nothing, *offer
        )
        for name, (further, *others) in TOLD.items():
            told = [steps.name(Held(lease.job, lease.step, lease.number)) | further for lease in leases]
            found[name] = await self._scans(name, json.dumps(told), *others)
        await self.end(leases)
        found["slot.left"] = await self._scans("slot.left", ids)
        return found

    async def _scans(self, name: str, *arguments: object) -> list[dict[str, Any]]:
        """Run a statement, take it back, and return what was read of each table."""
        found = await explain(self._connection, name, *arguments)
        return [node for node in found if "Relation Name" in node and node["Node Type"] != "ModifyTable"]


def pages(scans: list[dict[str, Any]]) -> int:
    """Return how many pages scans went to."""
    return sum(node["Shared Hit Blocks"] + node["Shared Read Blocks"] for node in scans)


def ways(scans: list[dict[str, Any]], table: str) -> set[str]:
    """Return how the rows of a table were found."""
    return {node["Node Type"] for node in scans if node["Relation Name"] == table and node["Actual Loops"]}


@pytest.fixture
async def line(database: Database, url: str) -> AsyncIterator[Line]:
    """A database that jobs can go through."""
    async with planning(url) as connection:
        line = Line(database, connection)
        await line.start()
        yield line


async def test_what_is_gone_is_not_passed_by_what_each_job_goes_through(line: Line, url: str) -> None:
    reader = await asyncpg.connect(url)
    try:
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            await reader.fetchval("SELECT count(*) FROM job")
            await line.run(FIRST)
            before = await line.read()
            await line.run(THEN)
            after = await line.read()
            assert ways(after["job.admit"], "slot") == {"Tid Scan"}
            assert ways(after["direct.end"], "slot") == set()
            # Indexes may have become a page deeper.
            grown = {name: (pages(before[name]), pages(scans)) for name, scans in after.items()}
            assert {name: pair for name, pair in grown.items() if pair[1] > 1.2 * pair[0] + 2 * LIMIT} == {}
            # More would be seen: a slot is looked for by its number.
            assert pages((await line.read(known=False))["job.admit"]) > 1.5 * pages(after["job.admit"])
    finally:
        await reader.close()
