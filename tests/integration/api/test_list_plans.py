"""The lists of the other faces look at as many jobs as they show, however many there are: each is asked for by HTTP, and every
statement that this takes is explained.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.integration.api.alibaba.conftest import Key, Mps
from tests.integration.api.arcgis.conftest import Gis
from tests.integration.api.azure.conftest import PASSWORD, Media
from tests.integration.engine.conftest import Engine
from tests.integration.store.test_plans import nodes
from vidijob import access
from vidijob.access import ROLES
from vidijob.api.alibaba.call import Options
from vidijob.application import build_application
from vidijob.engine.access_keys import AccessKeys
from vidijob.engine.accounts import Accounts
from vidijob.engine.identities import Identities
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.jobs.model import JobId
from vidijob.store import users
from vidijob.store.database import Database, Session
from vidijob.store.queries import Query

if TYPE_CHECKING:
    from asyncpg import Record

JOBS, PAGE = 20_000, 20
#: Transcodes that have all ended but for one in a thousand; every second came through the face of Azure. One pipeline has a
#: tenth of them.
FILL = f"""
    INSERT INTO job (id, type, state, verdict, priority, owner, total_steps, started, finished, data)
    SELECT n, 'TRANSCODE', state, CASE WHEN ended THEN state END, (enum_range(NULL::job_priority))[1 + n % 5], 'user', 1, at,
           CASE WHEN ended THEN at + interval '1 s' END,
           CASE WHEN n % 10 = 0 THEN '{{"queue": ["0123456789abcdef0123456789abcdef"]}}' ELSE '{{}}' END::jsonb
    FROM generate_series(1, {JOBS}) n,
         LATERAL (SELECT n % 1000 <> 7 AS ended, '2024-02-29 12:00Z'::timestamptz + n * interval '1 s' AS at) e,
         LATERAL (SELECT CASE WHEN NOT ended THEN 'STARTED' WHEN n % 2000 = 0 THEN 'FAILED_TOTAL' ELSE 'FINISHED' END::job_state
                         AS state) s;
    INSERT INTO lease (job_id, step, number, worker, expires_at)
    SELECT id, 100, id, gen_random_uuid(), 'infinity' FROM job WHERE state = 'STARTED';
    INSERT INTO job_count (type, state, owner, priority, jobs)
    SELECT type, state, owner, priority, count(*) FROM job GROUP BY type, state, owner, priority;
    INSERT INTO step (job_id, number, description, executor, method, critical, cleanup, state, waiting)
    SELECT id, 10, 'A step', 'task', 'run', true, false, 'FINISHED', 0 FROM job;
    INSERT INTO event (job_id, new_state, actor) SELECT id, 'STARTED', 'user' FROM job;
    INSERT INTO job_origin (job_id, face, document)
    SELECT id, 'azure', jsonb_build_object('Name', 'job ' || id, 'Tasks', '[{{"Name": "t"}}]'::jsonb) FROM job WHERE id % 2 = 0;
    ALTER SEQUENCE job_id RESTART {JOBS + 1};
"""
ANALYSE = "".join(
    f"ANALYZE {table};" for table in ("job", "job_count", "job_origin", "event", "step", "earlier_attempt")
)


class Explaining(Session):
    """A session that has every statement explained before it is run, if it only reads."""

    plans: list[dict[str, Any]]

    async def run(self, query: Query, *arguments: object) -> list[Record]:
        """Keep the nodes of the plan, with what each did, and run the statement."""
        if not any(word in query.sql for word in ("INSERT", "UPDATE", "DELETE")):
            plan = await self._connection.fetchval(
                "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) " + query.sql, *arguments
            )
            self.plans += nodes((json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"])
        return await super().run(query, *arguments)


class Explained(Database):
    """A database whose statements are explained."""

    def __init__(self, url: str) -> None:
        super().__init__(lambda: url, connections=4)
        self.plans: list[dict[str, Any]] = []

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """Borrow a connection."""
        async with super().session() as session:
            explaining = Explaining(session._connection)
            explaining.plans = self.plans
            yield explaining

    def looked_at(self, table: str) -> int:
        """Return how many rows of a table were looked at so far, and how many entries of its indexes by bitmap scans."""
        return sum(
            round((node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"])
            for node in self.plans
            if ("Scan" in node["Node Type"] and node.get("Relation Name") == table)
            or (node["Node Type"] == "Bitmap Index Scan" and node["Index Name"].startswith(f"{table}_"))
        )

    @property
    def told(self) -> str:
        """How it was planned, in words."""
        names = (
            "Plan Rows",
            "Node Type",
            "Index Name",
            "Filter",
            "Relation Name",
            "Actual Rows",
            "Actual Loops",
            "Rows Removed by Filter",
        )
        return "\n".join(str({name: node[name] for name in names if name in node}) for node in self.plans)


@dataclass
class Faces:
    """Clients of three faces of one server, and its database."""

    azure: Media
    mps: Mps
    arcgis: Gis
    database: Explained
    ids: list[str]


@pytest.fixture
async def faces(url: str, tmp_path: Path) -> AsyncIterator[Faces]:
    """Clients of a server with many jobs."""
    database = Explained(url)
    await database.open()
    engine = Engine(database, dict(JOB_TYPES))
    try:
        await users.add(database, "ann", access.hash_password(PASSWORD), list(ROLES))
        await engine.write_types()
        async with database.session() as session:
            await session.script(FILL)
            await session.script(ANALYSE)
        key = Key(*await AccessKeys(database).add("ann"))
        options = Options((tmp_path,), frozenset({"mp4"}), 1000)
        accounts = Accounts(database)
        application = build_application(
            database, engine.bell, accounts, site="VX", mps_options=options, storage_root=tmp_path
        )
        uuids = await Identities(database).uuids()
        async with TestClient(TestServer(application)) as client:
            azure, arcgis = Media(client, tmp_path), Gis(client)
            await azure.log_in("ann")
            await arcgis.log_in("ann")
            ids = [str(uuids.of_job(JobId(number))) for number in range(1, JOBS + 1)]
            yield Faces(azure, Mps(client, key, {"ann": key}), arcgis, database, ids)
    finally:
        await engine.stop()
        await database.close()


async def test_lists_look_at_no_more_jobs_than_they_show(faces: Faces) -> None:
    id = f"nb:jid:UUID:{faces.ids[9999]}"
    noon = "datetime'2024-02-29T12:00:00'"
    late = "datetime'2024-02-29T17:33:11'"
    # What is asked for, how many are found, and how many may be looked at for that.
    for query, found, most in (
        (f"$top={PAGE}", PAGE, PAGE),
        (f"$top={PAGE}&$skip=100", PAGE, PAGE + 100),
        (f"$top={PAGE}&$orderby=Id%20desc", PAGE, PAGE),
        (f"$top={PAGE}&$orderby=Created%20desc", PAGE, PAGE + 2),
        (f"$top={PAGE}&$orderby=Created,Id", PAGE, PAGE + 2),
        (f"$filter=Id%20eq%20'{id}'", 1, 1),
        (f"$filter=Id%20eq%20'{id}'%20and%20startswith(Name,'job')", 1, 1),
        ("$filter=State%20eq%201", 20, 40),
        ("$filter=State%20eq%202", 0, 40),
        ("$filter=State%20eq%204", 10, 20),
        ("$filter=State%20eq%205", 0, 0),
        (f"$top={PAGE}&$filter=State%20eq%203", PAGE, PAGE + 2),
        (f"$top={PAGE}&$filter=State%20lt%203", 20, 40),
        (f"$filter=Created%20gt%20{late}", 9, 20),
        (f"$top={PAGE}&$filter=Created%20gt%20{noon}", PAGE, PAGE + 2),
        (f"$top={PAGE}&$filter=substringof('5',Name)", PAGE, 400),
    ):
        faces.database.plans.clear()
        reply = await faces.azure("GET", f"api/Jobs?{query}")
        assert reply.status == 200 and len(reply.d["results"]) == found, (query, reply.text)
        assert faces.database.looked_at("job") <= most, (query, faces.database.told)
    # Each of a hundred jobs is asked for by its id as well, and its steps.
    for query in ("", "?$skiptoken=9000", "?$filter=Name%20eq%20't'"):
        faces.database.plans.clear()
        reply = await faces.azure("GET", f"api/Tasks{query}")
        assert reply.status == 200 and "$skiptoken" in reply.d["__next"]
        assert faces.database.looked_at("job") <= 5 * 101, (query, faces.database.told)
        assert faces.database.looked_at("event") <= 5 * 101 and faces.database.looked_at("step") <= 4 * 101
    hexadecimal = [one.replace("-", "") for one in faces.ids]
    for given, found, most in (
        ({}, 10, 12),
        ({"MaximumPageSize": "20"}, 20, 24),
        ({"NextPageToken": hexadecimal[12_000]}, 10, 12),
        ({"State": "Transcoding"}, 10, 44),
        ({"State": "TranscodeSuccess"}, 10, 12),
        ({"State": "TranscodeFail"}, 10, 44),
        ({"State": "TranscodeCancelled"}, 0, 0),
        ({"StartOfJobCreatedTimeRange": "2024-02-29T17:33:11Z"}, 10, 24),
        ({"EndOfJobCreatedTimeRange": "2024-02-29T12:00:05Z"}, 5, 12),
        # How many a pipeline has is counted.
        ({"PipelineId": "0123456789abcdef0123456789abcdef"}, 10, 4 * JOBS // 10),
    ):
        faces.database.plans.clear()
        listed = await faces.mps("ListJob", **given)
        assert listed.status == 200 and len(listed.json["JobList"]["Job"]) == found, (given, listed.json)
        assert faces.database.looked_at("job") <= most, (given, faces.database.told)
    faces.database.plans.clear()
    queried = await faces.mps("QueryJobList", JobIds=",".join(hexadecimal[::2000]))
    assert len(queried.json["JobList"]["Job"]) == 10 and faces.database.looked_at("job") <= 10
    for start in (1, 101):
        faces.database.plans.clear()
        shown = await faces.arcgis("GET", "/rest/jobs", start=start, num=PAGE)
        assert shown["jobs"] == [f"j{one}" for one in faces.ids[::-1][start - 1 : start - 1 + PAGE]]
        assert faces.database.looked_at("job") <= start + 2 * PAGE, faces.database.told
