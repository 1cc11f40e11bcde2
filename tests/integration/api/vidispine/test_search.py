"""Lists and searches: every parameter, and facets."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree

from tests.integration.api.vidispine.conftest import JSON, NAMESPACE, TEXT, XML, Api, Finish
from tests.integration.engine.conftest import Engine
from vidijob.application import build_application
from vidijob.engine.accounts import Accounts
from vidijob.jobs.search import FacetField, FacetRequest, facet
from vidijob.jobs.states import JobState
from vidijob.store.database import Database

SPEC_REQUEST = f"""<JobSearchDocument xmlns="{NAMESPACE}">
<facet count="true" name="JobTypes"><field>type</field></facet>
<facet count="true" minCount="1" maxCount="5" maxResults="10"><field>state</field></facet>
<facet count="true"><field>user</field></facet>
</JobSearchDocument>"""
SPEC_ANSWER = f"""<JobListDocument xmlns="{NAMESPACE}"><hits>2</hits>
<job><jobId>VX-1</jobId><user>admin</user><started>2020-02-19T13:53:21.110Z</started>
<finished>2020-02-19T13:53:21.242Z</finished><status>FINISHED</status><type>RAW_IMPORT</type>
<priority>MEDIUM</priority></job>
<job><jobId>VX-2</jobId><user>admin</user><started>2020-02-19T13:53:21.110Z</started>
<status>STARTED</status><type>AUTO_IMPORT</type><priority>MEDIUM</priority></job>
<facet name="JobTypes"><field>type</field><count fieldValue="RAW_IMPORT">1</count>
<count fieldValue="AUTO_IMPORT">1</count></facet>
<facet><field>state</field><count fieldValue="FINISHED">1</count><count fieldValue="STARTED">1</count></facet>
<facet><field>user</field><count fieldValue="admin">2</count></facet></JobListDocument>"""


async def plant(engine: Engine, **columns: str) -> None:
    """Put a job into the table as it stands, with SQL for each column."""
    columns = {
        "type": "'WORK'",
        "state": "'READY'",
        "priority": "'MEDIUM'",
        "owner": "'admin'",
        "total_steps": "1",
        **columns,
    }
    async with engine.database.session() as session:
        await session._connection.execute(
            f"WITH made AS (INSERT INTO job ({', '.join(columns)}) VALUES ({', '.join(columns.values())}) RETURNING *)"
            ", held AS (INSERT INTO lease (job_id, step, number, worker, expires_at)"
            " SELECT id, 100, id, gen_random_uuid(), 'infinity' FROM made WHERE state = 'STARTED')"
            " INSERT INTO job_count_change (type, new_state, owner, priority, jobs)"
            " SELECT type, state, owner, priority, 1 FROM made"
        )


def ended(state: str, finished: str) -> dict[str, str]:
    """Return the columns of a job that has ended."""
    return {"state": f"'{state}'", "verdict": f"'{state}'", "finished": f"'{finished}'"}


def canonical(xml: bytes | str) -> bytes:
    """Return a document without the white space between elements, in canonical form."""
    tree = etree.fromstring(xml, etree.XMLParser(remove_blank_text=True))
    return etree.tostring(tree, method="c14n")


async def test_the_example_of_the_spec(api: Api, engine: Engine) -> None:
    """Element by element, but that the spec's second job is STARTED and has ``finished`` all the same."""
    start = "'2020-02-19T13:53:21.110Z'"
    await plant(engine, type="'RAW_IMPORT'", started=start, **ended("FINISHED", "2020-02-19T13:53:21.242Z"))
    await plant(engine, type="'AUTO_IMPORT'", started=start, state="'STARTED'")
    reply = await api("PUT", "/API/job/search", body=SPEC_REQUEST, type=XML)
    assert reply.status == 200
    assert canonical(reply.body) == canonical(SPEC_ANSWER)


async def test_the_example_in_json(api: Api, engine: Engine) -> None:
    await plant(engine, type="'RAW_IMPORT'", **ended("FINISHED", "2020-02-19T13:53:21.242Z"))
    await plant(engine, type="'AUTO_IMPORT'", state="'STARTED'")
    body = {
        "facet": [
            {"field": "type", "count": True, "name": "JobTypes"},
            {"field": "state", "count": "true", "minCount": "1", "maxCount": 5, "maxResults": 10},
            {"field": "user"},
        ]
    }
    reply = await api("PUT", "/API/job/search/", accept=JSON, body=json.dumps(body), type=JSON)
    assert reply.json["facet"] == [
        {"field": "type", "count": [{"value": 1, "fieldValue": "RAW_IMPORT"}, {"value": 1, "fieldValue": "AUTO_IMPORT"}], "name": "JobTypes"},
        {"field": "state", "count": [{"value": 1, "fieldValue": "FINISHED"}, {"value": 1, "fieldValue": "STARTED"}]},
        {"field": "user", "count": [{"value": 2, "fieldValue": "admin"}]},
    ]  # fmt: skip


async def facets(api: Api, document: object, query: str = "user=false") -> dict[str, dict[str, int]]:
    """Return the counts of the facets of a search, by name or field."""
    reply = await api("PUT", f"/API/job/search?{query}", accept=JSON, body=json.dumps(document), type=JSON)
    assert reply.status == 200, reply.text
    return {
        one.get("name", one["field"]): {count["fieldValue"]: count["value"] for count in one.get("count", [])}
        for one in reply.json["facet"]
    }


@pytest.fixture
async def many(engine: Engine) -> None:
    """Seven jobs of several kinds."""
    for owner, type, state in (
        ("admin", "TRANSCODE", "READY"), ("admin", "TRANSCODE", "READY"), ("admin", "COPY_FILE", "STARTED"),
        ("other", "TRANSCODE", "READY"), ("other", "ACME_X", "HOLD"), ("other", "COPY_FILE", "READY"),
        ("admin", "TRANSCODE", "WAITING"),
    ):  # fmt: skip
        await plant(engine, owner=f"'{owner}'", type=f"'{type}'", state=f"'{state}'")


@pytest.mark.usefixtures("many")
async def test_facets_count_what_is_found_and_not_the_page(api: Api) -> None:
    question = {"facet": [{"field": "type"}, {"field": "state"}, {"field": "user"}]}
    assert await facets(api, question, "user=false&number=1") == {
        "type": {"TRANSCODE": 4, "COPY_FILE": 2, "ACME_X": 1},
        "state": {"READY": 4, "HOLD": 1, "STARTED": 1, "WAITING": 1},
        "user": {"admin": 4, "other": 3},
    }
    assert await facets(api, question, "user=true&state=READY&number=0") == {
        "type": {"TRANSCODE": 2},
        "state": {"READY": 2},
        "user": {"admin": 2},
    }


@pytest.mark.usefixtures("many")
async def test_the_limits_of_a_facet(api: Api) -> None:
    asked = [
        {"field": "type", "name": "least", "minCount": 2},
        {"field": "type", "name": "most", "maxCount": 2},
        {"field": "type", "name": "first", "maxResults": 1},
        {"field": "type", "name": "none", "count": False},
        {"field": "state", "name": "all", "minCount": 0, "maxCount": 0},
    ]
    counts = await facets(api, {"facet": asked})
    assert counts["least"] == {"TRANSCODE": 4, "COPY_FILE": 2}
    assert counts["most"] == {"COPY_FILE": 2, "ACME_X": 1}
    assert counts["first"] == {"TRANSCODE": 4}
    assert counts["none"] == {}
    occurring = {"READY", "STARTED", "HOLD", "WAITING"}
    assert counts["all"] == {state.value: 0 for state in JobState if state.value not in occurring}


@pytest.mark.usefixtures("many")
async def test_facet_filters_narrow_and_can_be_excluded(api: Api) -> None:
    document = {
        "facetFilter": [
            {"field": "type", "value": "TRANSCODE"},
            {"field": "type", "value": "COPY_FILE"},
            {"field": "state", "value": "READY"},
        ],
        "facet": [
            {"field": "type"},
            {"field": "type", "name": "free", "exclude": ["type"]},
            {"field": "state", "exclude": ["state"]},
        ],
    }
    assert await facets(api, document) == {
        "type": {"TRANSCODE": 3, "COPY_FILE": 1},
        "free": {"TRANSCODE": 3, "COPY_FILE": 1},
        "state": {"READY": 4, "STARTED": 1, "WAITING": 1},
    }
    reply = await api("PUT", "/API/job/search?user=false", body=json.dumps(document), type=JSON)
    assert reply.find("hits") == ["4"]


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"facet": [{"field": "foo"}]}, 404),
        ({"facet": [{"field": "type", "exclude": ["foo"]}]}, 404),
        ({"facetFilter": [{"field": "foo", "value": "x"}]}, 404),
        ({"facetFilter": [{"field": "type"}]}, 400),
        ({"facetFilter": [{"field": "type", "range": {"start": "1", "end": "2"}}]}, 400),
        ({"facet": [{"field": "type", "minCount": -1}]}, 400),
        ({"facet": [{"field": "type", "maxResults": "many"}]}, 400),
        ({"facet": [{}]}, 400),
    ],
)
async def test_a_search_that_cannot_be_made(api: Api, document: object, status: int) -> None:
    reply = await api("PUT", "/API/job/search", accept=JSON, body=json.dumps(document), type=JSON)
    assert reply.status == status


@pytest.mark.parametrize("body", [None, "{}", ""])
async def test_a_search_without_a_question(api: Api, body: str | None) -> None:
    await api.create()
    reply = await api("PUT", "/API/job/search/", body=body, type=JSON)
    assert reply.find("hits") == ["1"] and reply.find("facet") == []
    assert (await api("PUT", "/API/job/search", accept=TEXT, body=body)).text == "VX-1\r\n"


async def test_filters_on_job_data(api: Api) -> None:
    for pairs in ("itemId%3dVX-1", "itemId%3dVX-12&jobmetadata=a%3d1", "a%3d1&jobmetadata=a%3d2", "bestEffortFilename%3d50%25_x.mov",
                  "portal_groups:StringArray%3dAdmin"):  # fmt: skip
        await api.create(f"type=WORK&jobmetadata={pairs}")

    async def found(*conditions: str) -> list[str]:
        query = "&".join(f"jobmetadata={condition}" for condition in conditions)
        return (await api("GET", f"/API/job?sort=jobId&{query}")).find("job/jobId")

    assert await found("itemId%3dVX-1") == ["VX-1"]
    assert await found("item%3DVX-1") == ["VX-1"]
    assert await found("itemId%253dVX-1") == ["VX-1"]
    assert await found("itemId%3dVX-1*") == ["VX-1", "VX-2"]
    assert await found("a%3d1") == ["VX-2", "VX-3"]
    assert await found("a%3d1", "a%3d2") == ["VX-3"]
    assert await found("a%3d1", "itemId%3d*") == ["VX-2"]
    assert await found("a%3d3") == [] == await found("a%3d") == await found("A%3d1")
    assert await found("bestEffortFilename%3d*50%25_x*") == ["VX-4"]
    assert await found("bestEffortFilename%3d*50%25yx*") == []
    assert await found("portal_groups%3dAdmin") == ["VX-5"] == await found("portal_groups:StringArray%3dAd*")
    assert (await api("GET", "/API/job/VX-1?metadata=true")).find("data/key") == ["item", "itemId"]
    assert (await api("GET", "/API/job/VX-1")).find("data/value") == ["VX-1"]
    assert (await api("GET", "/API/job?jobmetadata=novalue")).status == 400


async def test_bounds_of_time_are_inclusive(api: Api, engine: Engine) -> None:
    for second in (10, 20, 30):
        await plant(
            engine, started=f"'2020-01-01T00:00:{second}.500Z'", **ended("FINISHED", f"2020-01-02T00:00:{second}.500Z")
        )
    await plant(engine, started="'2020-01-01T00:00:40Z'")

    async def found(query: str) -> list[str]:
        reply = await api("GET", f"/API/job?sort=jobId&{query}")
        assert reply.status == 200, reply.text
        return reply.find("job/jobId")

    for form in ("2020-01-01T00:00:20.500Z", "2020-01-01T00:00:20.500000", "2020-01-01T01:00:20.500%2B0100",
                 "2020-01-01T01:00:20.500+01:00"):  # fmt: skip
        assert await found(f"starttime-from={form}") == ["VX-2", "VX-3", "VX-4"], form
        assert await found(f"starttime-to={form}") == ["VX-1", "VX-2"], form
    assert await found("finishtime-from=2020-01-02T00:00:20.5Z&finishtime-to=2020-01-02T00:00:20.5Z") == ["VX-2"]
    assert await found("finishtime-from=2020-01-01") == ["VX-1", "VX-2", "VX-3"]
    # The end of a day is the beginning of the next one.
    for form in ("2020-01-01T24:00:00Z", "2020-01-01T24:00", "20200101T240000.0Z", "2020-01-01t24:00:00z"):
        assert await found(f"finishtime-from={form}") == ["VX-1", "VX-2", "VX-3"], form
        assert await found(f"finishtime-to={form}") == [], form
    for bad in ("2020-01-01T24:00:01Z", "2020-01-01T24:30", "9999-12-31T24:00:00Z",
                "yesterday", "2020-13-01T00:00:00Z", "0001-01-01T00:00:00%2B10:00"):  # fmt: skip
        assert (await api("GET", f"/API/job?starttime-from={bad}")).status == 400


async def test_a_time_that_was_read_finds_its_job(api: Api, finish: Finish) -> None:
    id = await api.create()
    await finish(id)
    reply = await api("GET", f"/API/job/{id}")
    started, finished = reply.find("started")[0], reply.find("finished")[0]
    for name, value in (("starttime", started), ("finishtime", finished)):
        assert (await api("GET", f"/API/job?{name}-from={value}&{name}-to={value}")).find("hits") == ["1"]
        later = (datetime.fromisoformat(value) + timedelta(milliseconds=1)).isoformat().replace("+00:00", "Z")
        assert (await api("GET", f"/API/job?{name}-from={later}")).find("hits") == ["0"]


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        ("jobId", [1, 2, 3, 4, 5, 6, 7]),
        ("jobId%20desc", [7, 6, 5, 4, 3, 2, 1]),
        ("type", [5, 3, 6, 1, 2, 4, 7]),
        ("type+desc", [7, 4, 2, 1, 6, 3, 5]),
        ("state", [5, 1, 2, 4, 6, 3, 7]),
        ("status%20desc", [7, 3, 6, 4, 2, 1, 5]),
        ("user,type%20desc", [1, 2, 7, 3, 4, 6, 5]),
        ("USER%20DESC,%20jobId%20asc", [4, 5, 6, 1, 2, 3, 7]),
        ("startTime", [1, 2, 3, 4, 5, 6, 7]),
        ("", [7, 6, 5, 4, 3, 2, 1]),
        ("jobId&sort-order=desc", [7, 6, 5, 4, 3, 2, 1]),
    ],
)
async def test_every_order(api: Api, sort: str, expected: list[int]) -> None:
    ids = [f"VX-{number}" for number in expected]
    assert (await api("GET", f"/API/job?user=false&sort={sort}")).find("job/jobId") == ids
    pages = [
        (await api("GET", f"/API/job?user=false&sort={sort}&first={n}&number=3")).find("job/jobId") for n in (1, 4, 7)
    ]
    assert [id for page in pages for id in page] == ids
    assert (await api("GET", f"/API/job?user=false&sort={sort}&first=8")).find("hits") == ["7"]


async def test_sort_by_priority_is_by_rank(api: Api) -> None:
    for priority in ("HIGH", "LOWEST", "IMMEDIATE", "MEDIUM"):
        await api.create(f"type=WORK&priority={priority}")
    reply = await api("GET", "/API/job?sort=priority%20desc")
    assert reply.find("job/priority") == ["IMMEDIATE", "HIGH", "MEDIUM", "LOWEST"]


@pytest.mark.parametrize("sort", ["nothing", "jobId,jobId%20desc", "jobId%20asc%20desc", ";drop", "data"])
async def test_an_order_that_is_not_there(api: Api, sort: str) -> None:
    assert (await api("GET", f"/API/job?sort={sort}")).status == 400


async def test_steps_in_a_list(api: Api, finish: Finish) -> None:
    first = await api.create()
    await finish(first)
    await api.create()
    jobs = (await api("GET", "/API/job?step=true&metadata=true&number=16&first=1&sort=jobId", accept=JSON)).json["job"]
    assert [job["jobId"] for job in jobs] == ["VX-1", "VX-2"]
    assert jobs[0]["currentStep"]["number"] == jobs[0]["totalSteps"] == 2
    assert [one["step"] for one in jobs[0]["log"]["task"]] == [100, 200]
    plain = (await api("GET", "/API/job?sort=jobId", accept=JSON)).json["job"][0]
    assert list(plain) == ["jobId", "user", "started", "finished", "status", "type", "priority"]


async def test_fields_in_a_list(api: Api) -> None:
    await api.create("type=WORK&jobmetadata=a%3d1&jobmetadata=b%3d2")
    assert (await api("GET", "/API/job?field=b")).find("job/data/key") == ["b"]
    assert (await api("GET", "/API/job?metadata=true")).find("job/data/key") == ["a", "b"]


VALUES = st.sampled_from(["A", "B", "C"])
COUNTS = st.dictionaries(VALUES, st.integers(1, 30))
LIMIT = st.none() | st.integers(0, 20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(COUNTS, st.sampled_from(FacetField), LIMIT, LIMIT, LIMIT)
def test_a_facet_has_what_is_within_its_limits(
    expected: dict[str, int], field: FacetField, least: int | None, most: int | None, results: int | None
) -> None:
    got = facet(FacetRequest(field, least=least, most=most, results=results), expected, ()).counts
    wanted = {v: n for v, n in expected.items() if n >= (least or 0) and (most is None or n <= most)}
    if results is None:
        assert dict(got) == wanted
    else:
        assert len(got) == min(results, len(wanted)) and set(got) <= set(wanted.items())
    assert [n for _, n in got] == sorted((n for _, n in got), reverse=True)


async def test_a_search_that_would_take_too_long_is_given_up(api: Api, engine: Engine, database: Database) -> None:
    strict = database.sibling(connections=2, longest=0.3)
    await strict.open()
    application = build_application(strict, engine.bell, Accounts(strict), site="VX")
    try:
        async with TestClient(TestServer(application)) as client, database.transaction() as session:
            # Nobody can search while this is held: as if there were too much to look at.
            await session._connection.execute("LOCK TABLE job IN ACCESS EXCLUSIVE MODE")
            reply = await Api(client)("GET", "/API/job?jobmetadata=a%3d*b*", accept=JSON)
    finally:
        await strict.close()
    assert (reply.status, reply.headers["Retry-After"]) == (503, "60")
    assert "longer than 0.3 s; ask for less" in reply.json["internalServer"]["message"]
    assert (await api("GET", "/API/job?jobmetadata=a%3d*b*")).status == 200
