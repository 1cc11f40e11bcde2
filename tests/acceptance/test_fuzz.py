"""Twenty thousand spoilt bodies over real HTTP, to every operation that takes one, from somebody who may do everything.

No answer is a fault of the server, none is late, memory stays where it is, and what is refused has changed nothing.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from pathlib import Path
from random import Random

import aiohttp
import asyncpg
import pytest
from yarl import URL

from tests.acceptance.conftest import PASSWORD, Client, Installation
from tests.acceptance.memory import WATCHED, sample, slope
from tests.acceptance.mutations import JSON, Body, Mutations
from vidijob.api.vidispine.routes import TABLE

_log = logging.getLogger(__name__)

DOCUMENTS = Path(__file__).parents[1] / "conformance" / "documents"
INPUTS = 20_000
CONNECTIONS = 32
#: No answer takes longer, in seconds, on however busy a machine.
LATE = 20.0
#: The first of them, in which the server gets as large as it has to be.
WARM_UP = INPUTS // 4
#: Between two looks at its memory.
STRIDE = 500
#: Between the end of the warm-up and that of all the server may grow by so much, in kilobytes: what documents of a hundred
#: thousand pieces leave between the pieces that stay.
GROWTH = 24 * 1024
#: What an input may leave behind, by the trend of the second half: in pieces of Python's memory, and in the C library's bytes.
BLOCKS, BYTES = 0.5, 250
METADATA, NOTIFICATION, DEFINITION = "SimpleMetadataDocument", "NotificationDocument", "TaskDefinitionDocument"
#: Which documents an operation expects; one that is not named here gets any.
EXPECTED: Mapping[str, Sequence[str]] = {
    "POST /job": (METADATA,),
    "POST /job/bulk": ("JobOrderListDocument",),
    "PUT /job/search": ("JobSearchDocument",),
    **{
        f"{method}/notification{one}": (NOTIFICATION,)
        for place in ("/job", "/job/{id}", "")
        for method, one in ((f"POST {place}", ""), (f"PUT {place}", "/{nid}"))
    },
    "POST /task-definition": ("TaskDefinitionListDocument", DEFINITION),
    "PUT /task-definition/{id}": (DEFINITION,),
    "PUT /task-definition/jobtype/{type}/step/{step}": (DEFINITION,),
    "PUT /task-definition/{id}/metadata": (METADATA,),
    "PUT /task-definition/{id}/metadata/{key}": (METADATA,),
    "PUT /task-definition/jobtype/{type}/step/{step}/metadata": (METADATA,),
    "POST /user": ("UserDocument",),
    "PUT /user/{username}": ("UserDocument",),
    "PUT /user/{username}/groups": ("GroupListDocument",),
    "PUT /group/{group}": ("GroupDocument",),
    "PUT /configuration/properties": ("ConfigurationPropertyDocument", "ConfigurationPropertyListDocument"),
    "PUT /configuration/properties/{key}": ("ConfigurationPropertyDocument",),
    "PUT /configuration/job-pool": ("JobPoolListDocument",),
    "PATCH /configuration/job-pool": ("JobPoolListDocument",),
    "PUT /configuration/job-priority": ("JobPriorityConfigurationDocument",),
    "PUT /configuration/cors": ("CORSConfigurationDocument",),
    "PUT /task-group/{name}": ("TaskGroupDocument",),
    "PUT /task-group/{name}/metadata": (METADATA,),
}
#: Parameters without which an operation does not look at its body.
QUERIES = {
    "POST /job": "?type=COPY_FILE",
    "POST /user": "?passwordType=raw",
    "PUT /user/{username}": "?passwordType=raw",
}
#: What the names in paths stand for; the test makes these first. ``nid`` is of the place that comes before it.
NAMES = {
    "/job/{id}/notification/{nid}": "/job/VX-1/notification/VX-2",
    "/job/notification/{nid}": "/job/notification/VX-1",
    "/notification/{nid}": "/notification/VX-3",
    "/task-definition/{id}": "/task-definition/{task}",
    "{id}": "VX-1",
    "{type}": "ACME_FUZZ",
    "{step}": "100",
    "{username}": "victim",
    "{group}": "crew",
    "{name}": "late",
}
#: Operations of which each that is done makes one row.
MAKES = {
    "job": ("POST /job", "POST /job/{id}/re-run", "POST /import/raw"),
    "notification": ("POST /job/notification", "POST /job/{id}/notification", "POST /notification"),
    "account": ("POST /user",),
}


@dataclass(frozen=True, slots=True)
class Input:
    """One request."""

    #: As the table of routes has it: ``PUT /job/{id}``.
    operation: str
    path: str
    accept: str
    body: Body

    def __str__(self) -> str:
        return f"{self.operation} ← {self.body.story}, {dict(self.body.headers)}: {self.body.content[:300]!r}"


def inputs(seed: int, number: int, task: str) -> Iterator[Input]:
    """Yield requests to all operations that can have a body, most of them to those that expect a document."""
    random, mutations = Random(seed), Mutations(DOCUMENTS, seed)
    operations = [f"{route.method} {route.path}" for route in TABLE.routes if route.method in ("POST", "PUT", "PATCH")]
    assert set(EXPECTED) <= set(operations)
    weights = [8 if operation in EXPECTED else 1 for operation in operations]
    for operation in random.choices(operations, weights, k=number):
        (body,) = mutations.bodies(EXPECTED.get(operation, ()), 1)
        path = operation.partition(" ")[2]
        for name, made in NAMES.items():
            path = path.replace(name, made)
        path = re.sub(r"\{\w+\}", "fuzz", path.replace("{task}", task)) + QUERIES.get(operation, "")
        yield Input(operation, path, random.choice(("application/xml", JSON, "text/plain, */*;q=0.1")), body)


class Sender:
    """Sends requests over a few connections that stay open, and counts the answers."""

    def __init__(self, api: str, session: aiohttp.ClientSession) -> None:
        self._api = api
        self._session = session
        self._login = aiohttp.encode_basic_auth("admin", PASSWORD)
        #: What must not be.
        self.faults: list[str] = []
        #: Connections that were found closed.
        self.closed = 0
        #: How many jobs were made by those that make several at once.
        self.made_together = 0

    async def __call__(self, requests: Iterator[Input]) -> list[tuple[Input, int]]:
        """Send all; returns each with the status of its answer."""
        answered: list[tuple[Input, int]] = []

        async def connection() -> None:
            for request in requests:
                answered.append((request, await self._send(request)))

        await asyncio.gather(*(connection() for _ in range(CONNECTIONS)))
        return answered

    async def _send(self, request: Input, again: bool = True) -> int:
        method, _, _ = request.operation.partition(" ")
        headers = {"Authorization": self._login, "Accept": request.accept, **request.body.headers}
        try:
            async with (
                asyncio.timeout(LATE),
                self._session.request(
                    method, URL(self._api + request.path, encoded=True), data=BytesIO(request.body.content), headers=headers,
                    skip_auto_headers=["Content-Type"],
                ) as answer,
            ):  # fmt: skip
                said = await answer.read()
        except aiohttp.ClientConnectionError as error:
            # The HTTP library hangs up, without a word, behind a body that is not compressed as it says.
            self.closed += 1
            if again:
                return await self._send(request, again=False)
            self.faults.append(f"{error!r}: {request}")
            return 0
        except (TimeoutError, aiohttp.ClientError) as error:
            self.faults.append(f"{error!r}: {request}")
            return 0
        # What this server cannot do is told so, and is no fault.
        if answer.status >= 500 and answer.status != 501:
            self.faults.append(f"{answer.status} {said[:200]!r}: {request}")
        if request.operation == "POST /job/bulk" and answer.status == 200:
            self.made_together += said.count(b"<jobId>") + said.count(b'"jobId"')
        return answer.status


async def contents(connection: asyncpg.Connection) -> dict[str, tuple[int, str]]:
    """Return for every table how many rows it has, and a digest of all they hold."""
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    found = {}
    for (table,) in tables:
        row = await connection.fetchrow(
            f"SELECT count(*), coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '') FROM \"{table}\" t"
        )
        assert row is not None
        found[table] = (row[0], row[1])
    return found


async def prepare(client: Client) -> str:
    """Make what the paths name; returns the id of a task definition."""
    hook = {
        "action": {"http": {"url": "http://127.0.0.1:9/x", "timeout": "1", "synchronous": "false"}},
        "trigger": {"job": {"stop": ""}},
    }
    tasks = [{"script": "1", "step": step, "jobType": "ACME_FUZZ"} for step in (100, 200)]
    sent = {"Content-Type": JSON}
    for method, path, body in (
        ("POST", "/job?type=COPY_FILE", None),
        ("POST", "/job/notification", hook),
        ("POST", "/job/VX-1/notification", hook),
        ("POST", "/notification", hook),
        ("POST", "/task-definition/jobtype/ACME_FUZZ?id=20001", None),
        ("PUT", "/user/victim", None),
        ("PUT", "/group/crew", None),
        ("PUT", "/task-group/late", None),
    ):
        status, said = await client.call(method, path, data=None if body is None else json.dumps(body), headers=sent)
        assert status == 200, said
    status, said = await client.call("POST", "/task-definition", json={"task": tasks})
    assert status == 200, said
    return str(json.loads(said)["uri"][1])


@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_no_body_does_harm(
    installation: Installation,
    client: Client,
    session: aiohttp.ClientSession,
    url: str,
) -> None:
    seed = int(os.environ.get("VIDIJOB_TEST_SEED", "20261122"))
    _log.warning("VIDIJOB_TEST_SEED=%d", seed)
    # Nothing is scheduled or carried out: whatever is written was written for a request.
    installation.program = WATCHED
    installation.run("serve", "--role", "api")
    await client.ready()
    task = await prepare(client)
    send = Sender(client.api, session)
    connection = await asyncpg.connect(url)
    try:
        before = await contents(connection)
        all_of_them = inputs(seed, INPUTS, task)
        answered = await send(islice(all_of_them, WARM_UP))
        samples = [await sample(installation, len(answered))]
        while part := await send(islice(all_of_them, STRIDE)):
            answered += part
            samples.append(await sample(installation, len(answered)))
        after = await contents(connection)
        assert send.faults == [], "\n".join(send.faults[:20])
        assert len(answered) == INPUTS

        assert send.closed <= sum("Content-Encoding" in request.body.headers for request, _ in answered)
        done = Counter(request.operation for request, status in answered if status == 200)
        refused = [request for request, status in answered if status != 200]
        assert len(refused) > INPUTS // 3 and done.total() > INPUTS // 50, (len(refused), done)
        assert send.made_together >= done["POST /job/bulk"] > 0
        for table, operations in MAKES.items():
            made = sum(done[operation] for operation in operations) + (send.made_together if table == "job" else 0)
            assert after[table][0] - before[table][0] == made, table

        # An eighth of what was refused once more: nothing at all may be written now. What only another had kept from
        # being done, and is done this time, is left out, and the rest is sent again.
        refused = refused[::8]
        for _ in range(4):
            before = await contents(connection)
            again = await send(iter(refused))
            if all(status != 200 for _, status in again):
                break
            refused = [request for request, status in again if status != 200]
        else:
            raise AssertionError("there is always one that is done after all")
        assert await contents(connection) == before
        assert send.faults == [], "\n".join(send.faults[:20])
    finally:
        await connection.close()
    late = [one for one in samples if one.inputs >= INPUTS // 2]
    growth = samples[-1].private - samples[0].private
    blocks = slope([(one.inputs, one.blocks) for one in late])
    allocated = slope([(one.inputs, one.allocated) for one in late])
    _log.warning("%d kB more; an input leaves %.3f pieces and %.0f bytes behind", growth, blocks, allocated)
    assert growth < GROWTH and blocks < BLOCKS and allocated < BYTES, samples
    assert (await client.call("GET", "/job/VX-1", "text/plain"))[0] == 200
