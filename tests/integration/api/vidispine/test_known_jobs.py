"""Pages of which some jobs were written before are byte for byte what a server shows that keeps nothing, whatever has changed
meanwhile and in whichever form they are asked for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from aiohttp.test_utils import TestClient, TestServer

from tests.integration.api.vidispine.conftest import JSON, TEXT, XML, Api
from tests.integration.engine.conftest import Engine
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.store.database import Database
from vidijob.web import keys
from vidijob.web.kept import Kept

JOBS = 40
ROUNDS = 150
SHOWN = [
    "",
    "metadata=true",
    "field=a",
    "field=b,a",
    "field=a,itemId&metadata=true",
    "idonly=true",
    "metadata=false&field=,",
]
SORTED = ["", "sort=type", "sort=user%20desc,state", "sort=finishTime%20desc", "sort=priority,startTime"]
FOUND = ["", "type=A,B", "state=READY", "jobmetadata=a=1", "jobmetadata=a=*"]
#: What a job shows, changed with everything that goes with it, and what it does not.
CHANGES = [
    "UPDATE job SET priority = (enum_range(NULL::job_priority))[1 + {any} % 5] WHERE id = {id}",
    "UPDATE job SET data = jsonb_build_object('a', jsonb_build_array('{any}'), 'b', jsonb_build_array('<&\"', 'ü')) WHERE id = {id}",
    "UPDATE job SET data = data || '{{\"itemId\": [\"VX-9\"]}}' WHERE id = {id}",
    "UPDATE job SET type = 'B' WHERE id = {id}",
    "UPDATE job SET owner = 'other' WHERE id = {id}",
    "UPDATE job SET state = 'FINISHED', verdict = 'FINISHED', finished = now() WHERE id = {id}",
    "UPDATE job SET state = 'READY', verdict = NULL, finished = NULL WHERE id = {id}",
    "UPDATE job SET started = started + interval '1 s' WHERE id = {id}",
    "BEGIN; UPDATE job SET priority = 'LOW' WHERE id = {id}; UPDATE job SET priority = 'HIGH' WHERE id = {id}; COMMIT",
    "BEGIN; UPDATE job SET type = 'NEVER' WHERE id = {id}; ROLLBACK",
    "DELETE FROM job WHERE id = {id}",
    "INSERT INTO job (id, type, state, priority, owner, total_steps) VALUES ({id}, 'NEW', 'READY', 'LOW', 'admin', 1)"
    " ON CONFLICT (id) DO NOTHING",
]  # fmt: skip
COUNTED = """
    TRUNCATE job_count, job_count_change;
    INSERT INTO job_count (type, state, owner, priority, jobs)
    SELECT type, state, owner, priority, count(*) FROM job GROUP BY type, state, owner, priority;
"""


@pytest.fixture
async def forgetful(engine: Engine, database: Database, api: Api) -> AsyncIterator[Api]:
    """The same face, by a server that keeps nothing."""
    application = build_application(database, engine.bell, Accounts(database), site="VX")
    application[keys.KEPT] = application[keys.FRAGMENTS] = Kept(0)
    async with TestClient(TestServer(application)) as client:
        yield Api(client)


async def execute(database: Database, sql: str) -> None:
    """Change what the servers do not know of."""
    async with database.session() as session:
        await session._connection.execute(sql)


async def test_what_is_kept_is_what_would_be_written_now(api: Api, forgetful: Api, database: Database) -> None:
    chance = random.Random(5)
    await execute(
        database,
        "INSERT INTO job (id, type, state, priority, owner, total_steps, data)"
        f" SELECT n, 'A', 'READY', 'MEDIUM', 'admin', 1, '{{\"a\": [\"1\"]}}' FROM generate_series(1, {JOBS}) n;{COUNTED}",
    )
    fragments = api._client.app[keys.FRAGMENTS]
    known = 0
    for turn in range(ROUNDS):
        if turn % 2:
            change = chance.choice(CHANGES).format(id=chance.randrange(1, JOBS + 5), any=chance.randrange(9))
            await execute(database, f"{change};{COUNTED}")
        number = chance.choice([0, 1, 7, 30, 500])
        first = chance.choice([1, 1, 3, JOBS - 2])
        query = "&".join(
            ["user=false", f"number={number}", f"first={first}"]
            + [part for part in map(chance.choice, (SHOWN, SORTED, FOUND)) if part]
        )
        accept = chance.choice([XML, XML, JSON, TEXT])
        before = fragments.held
        listed = b""
        for method, path in (("GET", "/API/job"), ("PUT", "/API/job/search")):
            here = await api(method, f"{path}?{query}", accept=accept)
            there = await forgetful(method, f"{path}?{query}", accept=accept)
            assert (here.status, here.body) == (200, there.body), (turn, query, accept)
            for header in ("ETag", "Next-Cursor", "Content-Type", "Content-Length"):
                assert here.headers.get(header) == there.headers.get(header), (turn, query, header)
            listed += here.body
        known += fragments.held == before and b"VX-" in listed
    # Often nothing new had to be written.
    assert known > ROUNDS / 5
    assert forgetful._client.app[keys.FRAGMENTS].held == 0


async def test_what_is_kept_has_a_bound_and_no_word_of_a_client_passes_it(api: Api, database: Database) -> None:
    await execute(
        database,
        "INSERT INTO job (id, type, state, priority, owner, total_steps, data)"
        " SELECT n, 'A', 'READY', 'MEDIUM', 'admin', 1, '{}' FROM generate_series(1, 9) n;" + COUNTED,
    )
    fragments = api._client.app[keys.FRAGMENTS]
    fields = ",".join(f"key{number}" for number in range(21))
    await api("GET", f"/API/job?user=false&field={fields}")
    assert fragments.held == 0
    await api("GET", "/API/job?user=false&field=a,b,a,b")
    held = fragments.held
    assert held > 0
    # The order of the words and how often each stands there makes no difference.
    await api("GET", "/API/job?user=false&field=b,a")
    assert fragments.held == held


async def test_jobs_that_are_asked_for_at_once_are_each_told_by_its_own_answer(api: Api, database: Database) -> None:
    await execute(
        database,
        "INSERT INTO job (id, type, state, priority, owner, total_steps, finished, verdict)"
        " SELECT n, 'TYPE' || n, CASE WHEN n % 2 = 0 THEN 'FINISHED' ELSE 'READY' END::job_state, 'MEDIUM', 'admin', 1,"
        " CASE WHEN n % 2 = 0 THEN now() END, CASE WHEN n % 2 = 0 THEN 'FINISHED' END::job_state"
        f" FROM generate_series(1, {JOBS}) n;{COUNTED}",
    )
    wanted = [*range(1, JOBS + 10), *range(1, 10)]
    # The second time some are known.
    for _ in range(2):
        replies = await asyncio.gather(*(api("GET", f"/API/job/VX-{id}") for id in wanted))
        for id, reply in zip(wanted, replies, strict=True):
            assert reply.status == (200 if id <= JOBS else 404), id
            if id <= JOBS:
                assert (reply.find("jobId"), reply.find("type")) == ([f"VX-{id}"], [f"TYPE{id}"])
    await execute(database, f"DELETE FROM job WHERE id <= 10;{COUNTED}")
    replies = await asyncio.gather(*(api("GET", f"/API/job/VX-{id}") for id in range(1, 21)))
    assert [reply.status for reply in replies] == [404] * 10 + [200] * 10
