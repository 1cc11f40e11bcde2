"""Cursors: a list is read page by page without being counted anew from its beginning."""

from __future__ import annotations

import base64
import json

import pytest

from tests.integration.api.vidispine.conftest import TEXT, XML, Api
from tests.integration.api.vidispine.test_search import plant
from tests.integration.engine.conftest import Engine


@pytest.fixture
async def seven(engine: Engine) -> None:
    """Seven jobs of two users and three types, four of them READY."""
    for owner, type, state in (
        ("admin", "TRANSCODE", "READY"), ("admin", "TRANSCODE", "READY"), ("admin", "COPY_FILE", "STARTED"),
        ("other", "TRANSCODE", "READY"), ("other", "ACME_X", "HOLD"), ("other", "COPY_FILE", "READY"),
        ("admin", "TRANSCODE", "WAITING"),
    ):  # fmt: skip
        await plant(engine, owner=f"'{owner}'", type=f"'{type}'", state=f"'{state}'")


async def follow(api: Api, query: str, accept: str = XML) -> list[str]:
    """Go through a list by its cursors; returns the ids."""
    found: list[str] = []
    cursor = ""
    while True:
        reply = await api("GET", f"/API/job?user=false&number=3&{query}{cursor}", accept=accept)
        assert reply.status == 200, reply.text
        found += reply.find("job/jobId") if accept == XML else reply.text.split()
        if "Next-Cursor" not in reply.headers:
            return found
        cursor = f"&cursor={reply.headers['Next-Cursor']}"


@pytest.mark.usefixtures("seven")
async def test_cursors_lead_through_a_list(api: Api) -> None:
    assert await follow(api, "sort=jobId") == [f"VX-{n}" for n in range(1, 8)]
    assert await follow(api, "") == [f"VX-{n}" for n in range(7, 0, -1)]
    assert await follow(api, "sort=user,type%20desc") == ["VX-1", "VX-2", "VX-7", "VX-3", "VX-4", "VX-6", "VX-5"]
    assert await follow(api, "state=READY&sort=finishTime") == ["VX-1", "VX-2", "VX-4", "VX-6"]
    assert await follow(api, "sort=jobId%20desc", accept=TEXT) == [f"VX-{n}" for n in range(7, 0, -1)]
    reply = await api("GET", "/API/job?user=false&number=7")
    assert "Next-Cursor" not in reply.headers


@pytest.mark.usefixtures("seven")
async def test_what_comes_meanwhile_neither_repeats_nor_hides_a_job(api: Api, engine: Engine) -> None:
    first = await api("GET", "/API/job?user=false&number=3")
    await plant(engine)
    then = await api("GET", f"/API/job?user=false&number=9&cursor={first.headers['Next-Cursor']}")
    assert then.find("job/jobId") == ["VX-4", "VX-3", "VX-2", "VX-1"]
    assert then.find("hits") == ["8"]
    later = await api("GET", "/API/job?user=false&number=9&first=4")
    assert later.find("job/jobId") == ["VX-5", "VX-4", "VX-3", "VX-2", "VX-1"]


def word(fields: object) -> str:
    """Return what a cursor with these fields would be."""
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


NO_CURSORS = [
    "x", "AAAA", "%FF", "a" * 5000, word({}), word([]), word([["jobId", True]]), word([["jobId", True, -1]]),
    word([["jobId", True, 2**63]]), word([["jobId", True, True]]), word([["jobId", 1, 1]]), word([["jobId", True, "1"]]),
    word([["type", False, "X"]]), word([["type", False, 1], ["jobId", False, 1]]), word([["nothing", False, 1]]),
    word([["type", False, "\x00"], ["jobId", False, 1]]), word([["type", False, "\ud800"], ["jobId", False, 1]]),
    word([["state", False, "LOST"], ["jobId", False, 1]]), word([["priority", False, None], ["jobId", False, 1]]),
    word([["startTime", False, None], ["jobId", False, 1]]), word([["startTime", False, "now"], ["jobId", False, 1]]),
    word([["startTime", False, "2020-01-01"], ["jobId", False, 1]]), word([["user", False, []], ["jobId", False, 1]]),
    word([["startTime", False, "0001-01-01T00:00:00+10:00"], ["jobId", False, 1]]),
    word([["user", False, "a"], ["user", False, "a"], ["jobId", False, 1]]), word("jobId"), word(1), word(None),
]  # fmt: skip


@pytest.mark.usefixtures("seven")
async def test_what_is_no_cursor_is_refused(api: Api) -> None:
    for text in NO_CURSORS:
        reply = await api("GET", f"/API/job?user=false&cursor={text}")
        assert reply.status == 400, text
        assert reply.find("invalidInput/context") in (["cursor"], ["query"]), text
    good = word([["jobId", True, 4]])
    assert (await api("GET", f"/API/job?user=false&cursor={good}")).find("job/jobId") == ["VX-3", "VX-2", "VX-1"]
    assert (await api("GET", f"/API/job?user=false&cursor={good}&sort=jobId%20desc")).status == 200
    assert (await api("GET", f"/API/job?user=false&cursor={good}&sort=jobId")).status == 400
    assert (await api("GET", f"/API/job?user=false&cursor={good}&first=2")).status == 400
    # A job that is gone, a value that no job has: there is still what comes after.
    assert (await api("GET", f"/API/job?user=false&cursor={word([['jobId', False, 5]])}")).find("job/jobId") == [
        "VX-6",
        "VX-7",
    ]
    gone = word([["type", False, "D"], ["jobId", False, 9]])
    assert (await api("GET", f"/API/job?user=false&state=READY&cursor={gone}")).find("job/jobId") == [
        "VX-1",
        "VX-2",
        "VX-4",
    ]
