"""Paths taken apart, and the route that fits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.errors import Invalid
from vidijob.web.negotiate import Form
from vidijob.web.routing import Open, Route, RouteTable, target


@pytest.mark.parametrize(
    ("path", "segments", "matrix"),
    [
        ("", (), ()),
        ("/", (), ()),
        ("///", (), ()),
        ("/job", ("job",), ()),
        ("/job/", ("job",), ()),
        ("//job//VX-1//", ("job", "VX-1"), ()),
        ("job", ("job",), ()),
        # The matrix part stands anywhere, behind any segment.
        ("/job;state=READY", ("job",), ("state=READY",)),
        ("/job;state=READY/", ("job",), ("state=READY",)),
        ("/job/;state=READY", ("job",), ("state=READY",)),
        (";a=1/job", ("job",), ("a=1",)),
        ("/job;a=1;b=2/VX-1;c=3", ("job", "VX-1"), ("a=1", "b=2", "c=3")),
        ("/job;a=1;a=2", ("job",), ("a=1", "a=2")),
        ("/job;", ("job",), ()),
        ("/job;;a=1;;", ("job",), ("a=1",)),
        ("/job;flag", ("job",), ("flag",)),
        ("/job;=x", ("job",), ("=x",)),
        # Only the segments are decoded here; a matrix part keeps its code until it is taken apart.
        ("/job;a=%3B%2F", ("job",), ("a=%3B%2F",)),
        ("/j%6Fb/VX%2D1", ("job", "VX-1"), ()),
        ("/job/a%2Fb", ("job", "a/b"), ()),
        ("/job/a%2fb%3Bc", ("job", "a/b;c"), ()),
        ("/job/%252F", ("job", "%2F"), ()),
        ("/job/a+b", ("job", "a+b"), ()),
        ("/job/%C3%A4", ("job", "ä"), ()),
        ("/job/ä", ("job", "ä"), ()),
        ("/job/%00", ("job", "\x00"), ()),
        ("/job/%", ("job", "%"), ()),
        ("/job/%zz", ("job", "%zz"), ()),
        ("/job/%2", ("job", "%2"), ()),
        # Nothing is climbed: two dots are a name like any other.
        ("/job/..", ("job", ".."), ()),
        ("/job/../../etc", ("job", "..", "..", "etc"), ()),
        ("/job/%2E%2E/%2e", ("job", "..", "."), ()),
    ],
)
def test_a_path_is_taken_apart(path: str, segments: tuple[str, ...], matrix: tuple[str, ...]) -> None:
    found = target(path)
    assert (found.segments, found.matrix) == (segments, matrix)


@pytest.mark.parametrize("path", ["/%ff", "/job/%C3", "/job/%ED%A0%80", "/job/%C0%AF;a=1"])
def test_bytes_that_are_not_utf_8_are_refused(path: str) -> None:
    with pytest.raises(Invalid) as refused:
        target(path)
    assert refused.value.context == "path"
    assert refused.value.value is not None and refused.value.value in path


@given(st.text() | st.text("/;=%2Ff.a"))
def test_any_path_is_taken_apart_or_refused(path: str) -> None:
    try:
        found = target(path)
    except Invalid as refused:
        assert refused.context == "path"
    else:
        assert all(found.segments) and all(found.matrix)
        assert len(found.segments) <= path.count("/") + 1


def route(method: str, path: str) -> Route[str]:
    """Return a route whose handler is its own name."""
    return Route(method, path, f"{method} {path}", Open.TO_ALL, (Form.XML,))


TABLE = RouteTable(
    [
        route("GET", "/"),
        route("GET", "/job/{id}"),
        route("PUT", "/job/{id}"),
        route("DELETE", "/job/{id}"),
        route("GET", "/job"),
        route("POST", "/job"),
        route("GET", "/job/problem"),
        route("GET", "/job/{id}/{part}"),
        route("GET", "/job/{id}/log"),
        route("POST", "/job/{id}/re-run"),
        route("GET", "/job/problem/{id}"),
    ]
)


def find(method: str, path: str) -> tuple[str | None, dict[str, str], Sequence[str]]:
    found, names, allowed = TABLE.find(method, target(path).segments)
    return (found.handler if found else None), dict(names), list(allowed)


@pytest.mark.parametrize(
    ("method", "path", "handler", "names"),
    [
        ("GET", "/", "GET /", {}),
        ("GET", "/job", "GET /job", {}),
        ("GET", "/job/", "GET /job", {}),
        ("GET", "//job", "GET /job", {}),
        ("GET", "/job;a=b", "GET /job", {}),
        ("POST", "/job", "POST /job", {}),
        ("GET", "/job/VX-1", "GET /job/{id}", {"id": "VX-1"}),
        ("GET", "/job/VX-1;metadata=true/", "GET /job/{id}", {"id": "VX-1"}),
        ("PUT", "/job/VX-1", "PUT /job/{id}", {"id": "VX-1"}),
        ("GET", "/job/{id}", "GET /job/{id}", {"id": "{id}"}),
        ("GET", "/job/a%2Fb", "GET /job/{id}", {"id": "a/b"}),
        ("GET", "/job/..", "GET /job/{id}", {"id": ".."}),
        # A fixed segment goes before a name, wherever the route stands in the table.
        ("GET", "/job/problem", "GET /job/problem", {}),
        ("GET", "/job/problem/1", "GET /job/problem/{id}", {"id": "1"}),
        ("GET", "/job/VX-1/log", "GET /job/{id}/log", {"id": "VX-1"}),
        ("GET", "/job/VX-1/other", "GET /job/{id}/{part}", {"id": "VX-1", "part": "other"}),
        # HEAD is GET without its body.
        ("HEAD", "/job", "GET /job", {}),
        ("HEAD", "/job/problem", "GET /job/problem", {}),
    ],
)
def test_the_route_that_fits(method: str, path: str, handler: str, names: dict[str, str]) -> None:
    assert find(method, path)[:2] == (handler, names)


@pytest.mark.parametrize(
    "path", ["/nothing", "/Job", "/job/VX-1/log/x", "/job%2FVX-1", "/jobs", "/job%3Ba=b", "/../job", "/job/./VX-1/log"]
)
def test_a_path_that_is_not_there_allows_no_method(path: str) -> None:
    assert find("GET", path) == (None, {}, [])


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/job", ["GET", "POST"]),
        ("DELETE", "/job", ["GET", "POST"]),
        ("POST", "/job/VX-1", ["DELETE", "GET", "PUT"]),
        ("get", "/job", ["GET", "POST"]),
        ("OPTIONS", "/", ["GET"]),
    ],
)
def test_a_method_that_is_not_possible_names_those_that_are(method: str, path: str, allowed: list[str]) -> None:
    assert find(method, path) == (None, {}, allowed)


def test_head_of_what_cannot_be_read_is_not_possible() -> None:
    assert RouteTable([route("POST", "/job")]).find("HEAD", ("job",)) == (None, {}, ["POST"])


def test_two_paths_that_fit_alike_are_one() -> None:
    table = RouteTable([route("GET", "/a/{x}/c"), route("PUT", "/a/b/{y}"), route("DELETE", "/a/{x}/{y}")])
    both = table.find("PATCH", ("a", "b", "c"))
    assert both == (None, {}, ["GET", "PUT"])
    for method, name in (("GET", {"x": "b"}), ("PUT", {"y": "c"})):
        found, names, allowed = table.find(method, ("a", "b", "c"))
        assert found is not None and (found.method, names, allowed) == (method, name, ["GET", "PUT"])


def test_a_segment_may_look_like_what_stands_for_a_name() -> None:
    assert find("GET", "/job/{}")[:2] == ("GET /job/{id}", {"id": "{}"})
    assert find("GET", "/{}/VX-1") == (None, {}, [])


def test_a_path_that_is_longer_than_any_is_not_remembered() -> None:
    before = TABLE._fitting.cache_info().currsize
    assert find("GET", "/job" * 10_000) == (None, {}, [])
    assert TABLE._fitting.cache_info().currsize == before


def test_an_empty_table_knows_nothing() -> None:
    assert RouteTable[str]([]).find("GET", ()) == (None, {}, [])


@pytest.mark.parametrize(
    ("path", "segments"), [("/", ()), ("/job/{id}/re-run", ("job", "{id}", "re-run")), ("/job/", ("job",))]
)
def test_a_route_in_parts(path: str, segments: tuple[str, ...]) -> None:
    assert route("GET", path).segments == segments
