"""A list of two sites is that of one database with the same jobs, byte for byte, but for what its ids begin with."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Reply
from tests.integration.front.conftest import Caller, World, as_one, fill, jobs, opened, put

JOBS = 1300
TERMS = st.tuples(
    st.sampled_from(["jobId", "type", "state", "user", "startTime", "priority", "finishTime"]),
    st.sampled_from(["", " asc", " desc"]),
)
SORTS = st.lists(TERMS, unique_by=lambda term: term[0], max_size=3)
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["TRANSCODE", "TRANSCODE,ACME_B", "NOTHING", "all"]),
        "state": st.sampled_from(["FINISHED", "READY,STARTED", "ABORTED", ""]),
        "priority": st.sampled_from(["LOW", "HIGH,IMMEDIATE"]),
        "jobmetadata": st.sampled_from(["itemId=item-3", "item=item-*", "note=*7*"]),
        "starttime-from": st.just("2026-05-04T10:00:20"),
        "finishtime-to": st.just("2026-05-04T10:01:00Z"),
        "metadata": st.sampled_from(["true", "false"]),
        "field": st.just("note,tag"),
        "idonly": st.just("true"),
        "step": st.just("true"),
    },
)
NUMBERS = st.one_of(st.integers(0, 12), st.sampled_from([100, 499, 500, 501, 900, 2000]))
FIRSTS = st.one_of(st.integers(0, 9), st.integers(0, JOBS + 50))
FACETS = st.lists(
    st.tuples(
        st.sampled_from(["type", "state", "user"]),
        st.fixed_dictionaries(
            {},
            optional={
                "minCount": st.integers(0, 80),
                "maxCount": st.integers(0, 200),
                "maxResults": st.integers(0, 4),
                "name": st.just("N & M"),
                "count": st.sampled_from(["true", "false"]),
            },
        ),
        st.lists(st.sampled_from(["type", "state", "user"]), max_size=2),
    ),
    max_size=3,
)
FACET_FILTERS = st.lists(
    st.sampled_from([("type", "EXPORT"), ("type", "ACME_a"), ("state", "FINISHED"), ("user", "émile")]), max_size=3
)


def search(asked: list[tuple[str, dict[str, object], list[str]]], narrowed: list[tuple[str, str]]) -> bytes:
    """Return a document that asks for facets."""
    body = "".join(
        f"<facetFilter><field>{field}</field><value>{value}</value></facetFilter>" for field, value in narrowed
    )
    for field, attributes, excluded in asked:
        words = "".join(f' {name}="{str(value).replace("&", "&amp;")}"' for name, value in attributes.items())
        body += (
            f"<facet{words}><field>{field}</field>{''.join(f'<exclude>{one}</exclude>' for one in excluded)}</facet>"
        )
    return f'<JobSearchDocument xmlns="{NAMESPACE}">{body}</JobSearchDocument>'.encode()


@pytest.fixture(scope="module")
def filled(postgres: str, template: str) -> Iterator[tuple[asyncio.Runner, World]]:
    """A world with jobs, and what runs it: a property is tried by a function that waits for nothing."""
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        world = runner.run(stack.enter_async_context(opened(postgres, template)))
        runner.run(fill(world, JOBS))
        yield runner, world
        runner.run(stack.aclose())


@dataclass
class Question:
    """One request for a list."""

    sort: list[tuple[str, str]]
    wanted: dict[str, str]
    page: dict[str, str | int]
    accept: str
    user: str
    body: bytes | None

    async def of(self, caller: Caller, **more: str) -> Reply:
        """Ask it."""
        pairs = {
            **self.wanted,
            **self.page,
            **({"sort": ", ".join(map("".join, self.sort))} if self.sort else {}),
            **more,
        }
        query = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in pairs.items())
        return await caller(
            "GET" if self.body is None else "PUT",
            f"/API/job{'' if self.body is None else '/search'}?{query}",
            accept=self.accept,
            user=self.user,
            body=self.body,
            headers={} if self.body is None else {"Content-Type": XML},
        )


@st.composite
def questions(draw: st.DrawFn) -> Question:
    """Make up requests for lists."""
    page: dict[str, str | int] = {"user": draw(st.sampled_from(["true", "false", "false"]))}
    if draw(st.booleans()):
        page["first"] = draw(FIRSTS)
    if draw(st.integers(0, 9)):
        page["number"] = draw(NUMBERS)
    asked = draw(st.none() | st.tuples(FACETS, FACET_FILTERS))
    return Question(
        draw(SORTS),
        draw(FILTERS),
        page,
        draw(st.sampled_from([XML, JSON, TEXT])),
        draw(st.sampled_from(["admin", "other"])),
        None if asked is None else search(*asked),
    )


def plain(accept: str, sort: list[tuple[str, str]], **page: str | int) -> Question:
    """Return a question for all jobs."""
    return Question(sort, {}, {"user": "false", **page}, accept, "admin", None)


@settings(max_examples=100)
@given(question=questions())
# Long pages, and pages that begin far down, with and without more behind them.
@example(question=plain(XML, [], number=900))
@example(question=plain(JSON, [("type", " desc")], number=501, first=120))
@example(question=plain(TEXT, [("user", ""), ("finishTime", " desc")], number=700, first=555))
@example(question=plain(TEXT, []))
@example(question=plain(JSON, [("priority", "")], number=40, first=1280))
@example(question=plain(XML, [("state", " desc"), ("jobId", "")], number=3, first=1001))
def test_a_list_is_that_of_one_database(filled: tuple[asyncio.Runner, World], question: Question) -> None:
    runner, world = filled

    async def both() -> tuple[Reply, Reply]:
        return await asyncio.gather(question.of(world.front), question.of(world.one))

    ours, theirs = runner.run(both())
    assert ours.status == theirs.status == 200, ours.body
    assert as_one(ours) == theirs.body
    assert ours.headers["Content-Type"] == theirs.headers["Content-Type"]
    for name in ("Next-Cursor", "ETag", "Content-Length"):
        assert (name in ours.headers) == (name in theirs.headers), name
    if "Next-Cursor" in ours.headers:
        # What follows a page follows it here as well, however long it was.
        question.page = {"user": question.page["user"], "number": 30}
        further = [
            runner.run(question.of(caller, cursor=reply.headers["Next-Cursor"]))
            for caller, reply in ((world.front, ours), (world.one, theirs))
        ]
        assert as_one(further[0]) == further[1].body and further[1].status == 200


@settings(max_examples=20)
@given(question=questions(), number=st.sampled_from([97, 250, 500]))
def test_cursors_lead_through_the_same_list(
    filled: tuple[asyncio.Runner, World], question: Question, number: int
) -> None:
    runner, world = filled
    question.page = {"user": question.page["user"], "number": number}

    async def follow(caller: Caller) -> list[bytes]:
        pages: list[bytes] = []
        more: dict[str, str] = {}
        while True:
            reply = await question.of(caller, **more)
            assert reply.status == 200, reply.body
            pages.append(as_one(reply))
            if "Next-Cursor" not in reply.headers:
                return pages
            more = {"cursor": reply.headers["Next-Cursor"]}

    async def both() -> tuple[list[bytes], list[bytes]]:
        return await asyncio.gather(follow(world.front), follow(world.one))

    ours, theirs = runner.run(both())
    assert ours == theirs


async def test_two_sites_count_their_jobs_each_by_itself(world: World) -> None:
    made = [row for _, row in jobs(random.Random(4), 60)]
    for database in world.databases.values():
        await put(database, made)
    for sort in (
        "",
        "&sort=jobId",
        "&sort=jobId%20desc",
        "&sort=type%20desc",
        "&sort=user,jobId%20desc",
        "&sort=finishTime",
    ):
        path = f"/API/job?user=false{sort}"
        whole = (await world.front("GET", f"{path}&number=200", accept=JSON)).json
        ids = [job["jobId"] for job in whole["job"]]
        # Each pair stands together, in the order of the sites or turned round with the numbers.
        theirs = [job["jobId"] for job in (await world.one("GET", f"{path}&number=200", accept=JSON)).json["job"]]
        order = ("VY", "VX") if not sort or sort.endswith("desc") else ("VX", "VY")
        assert ids == [id.replace("VX", site) for id in theirs for site in order]
        assert whole["hits"] == 120
        paged: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            reply = await world.front("GET", f"{path}&number=7{cursor}", accept=JSON)
            paged += [job["jobId"] for job in reply.json["job"]]
            cursor = f"&cursor={reply.headers['Next-Cursor']}" if "Next-Cursor" in reply.headers else None
        assert paged == ids
        page = await world.front("GET", f"{path}&number=9&first=50", accept=JSON)
        assert [job["jobId"] for job in page.json["job"]] == ids[49:58]
