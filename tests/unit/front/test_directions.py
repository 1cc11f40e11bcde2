"""The table of where requests go."""

from __future__ import annotations

import pytest

from vidijob.api.vidispine.routes import TABLES
from vidijob.front.directions import Way, direction

WAYS = [
    ("GET", "/API", "job", Way.LIST, ""), ("HEAD", "/API", "job", Way.LIST, ""), ("PUT", "/API", "job/search", Way.LIST, ""),
    ("POST", "/API", "job", Way.NEW, ""), ("POST", "/API", "job/bulk", Way.NEW, ""), ("POST", "/API", "import/raw", Way.NEW, ""),
    ("DELETE", "/API", "job", Way.BY_IDS, ""), ("GET", "/API", "job/VX-1", Way.BY_ID, "VX-1"),
    ("POST", "/API", "job/VX-1/problem/3/retry", Way.BY_ID, "VX-1"),
    ("DELETE", "/API", "job/x/external-id/y", Way.BY_ID, "x"), ("GET", "/API", "job/problem", Way.TOGETHER, ""),
    ("GET", "/API", "job/events", Way.FOLLOWED, ""), ("POST", "/API", "job/events", Way.NAMED, ""),
    ("POST", "/API", "job/problem/3/retry", Way.NAMED, ""), ("GET", "/API", "job/notification", Way.TOGETHER, ""),
    ("POST", "/API", "job/notification", Way.NAMED, ""), ("DELETE", "/API", "notification", Way.NAMED, ""),
    ("PUT", "/API", "job/notification/VX-1", Way.BY_ID, "VX-1"), ("GET", "/API", "notification/VY-1/delivery", Way.BY_ID, "VY-1"),
    ("GET", "/API", "worker", Way.TOGETHER, ""), ("POST", "/API", "worker/w/drain", Way.IN_TURN, "w"),
    ("GET", "/API", "token", Way.TOGETHER, ""), ("GET", "/API", "user/ann/token", Way.TOGETHER, ""),
    ("GET", "/API", "user/ann", Way.FIRST, ""), ("PUT", "/API", "user/ann", Way.NAMED, ""),
    ("POST", "/API", "task-definition", Way.NAMED, ""), ("GET", "/API", "nowhere", Way.FIRST, ""), ("GET", "/API", "", Way.FIRST, ""),
    ("GET", "/APInoauth", "is-online", Way.TOGETHER, ""), ("POST", "/APInoauth", "step/t", Way.IN_TURN, "t"),
    ("GET", "/APInoauth", "selftest", Way.FIRST, ""), ("POST", "/APIinit", "", Way.TOGETHER, ""), ("OPTIONS", "/API", "user", Way.FIRST, ""),
    ("POST", "/API", "import/placeholder", Way.FIRST, ""),
]  # fmt: skip


@pytest.mark.parametrize(("method", "prefix", "path", "way", "id"), WAYS)
def test_each_way(method: str, prefix: str, path: str, way: Way, id: str) -> None:
    found = direction(prefix, method, [part for part in path.split("/") if part])
    assert (found.way, found.id) == (way, id)


def test_no_change_that_names_no_job_is_made_at_a_site_by_chance() -> None:
    """Whatever the face learns to change is refused until somebody says where it goes."""
    for prefix, table in TABLES.items():
        for route in table.routes:
            way = direction(prefix, route.method, route.segments).way
            assert route.method == "GET" or way is not Way.FIRST, route.path
            if way is Way.NEW:
                assert route.path in ("/job", "/job/bulk", "/import/raw")
