"""Addresses, in every spelling that clients have."""

from __future__ import annotations

from uuid import UUID

import pytest

from vidijob.errors import Invalid, NotFound
from vidijob.odata.keys import Key
from vidijob.odata.paths import NoSegment, Segment, below, read_path, read_query


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        ("", []), ("/", []), ("/Jobs", [Segment("Jobs", None)]), ("//Jobs()", [Segment("Jobs", None)]), ("/$metadata", [Segment("$metadata", None)]),
        ("/Jobs('a''b')/State/$value", [Segment("Jobs", "a'b"), Segment("State", None), Segment("$value", None)]),
        ("/%2FJobs%28%27nb:jid%27%29", [Segment("Jobs", "nb:jid")]), ("%2FJobs( Id = 'x' )", [Segment("Jobs", "x")]), ("$1/Tasks", [Segment("$1", None), Segment("Tasks", None)]),
    ],
)  # fmt: skip
def test_a_path(raw: str, segments: list[Segment]) -> None:
    assert read_path(raw) == segments


def test_what_is_no_path_or_query() -> None:
    for raw in ("/Jobs('x'", "/Jobs(x)", "/" + "(" * 3000, "/Jobs('" + "x" * 301 + "')", "/a b"):
        with pytest.raises(NoSegment):
            read_path(raw)
    for read in (lambda: read_path("/%ff"), lambda: read_query("a=%ff"), lambda: read_query("a=1&" * 101)):
        with pytest.raises(Invalid):
            read()
    assert read_query("a=1&a=%202&b") == {"a": " 2", "b": ""}


def test_an_address_inside_a_batch() -> None:
    for url in ("https://media.windows.net/API/Jobs?$top=1", "/azure/api/Jobs?$top=1", "Jobs?$top=1"):
        assert below(url, "api") == ("Jobs", "$top=1")
    for url in ("https://elsewhere/Jobs", "/Jobs"):
        with pytest.raises(NoSegment):
            below(url, "api")


def test_a_key() -> None:
    key, uuid = Key("Jobs", "nb:jid:UUID:"), UUID("7dc2642f-ab1e-4f4c-8ecd-027eeac2a4ab")
    id = f"nb:jid:UUID:{uuid}"
    assert key.of(uuid) == id and key.read(id) == key.uuid(id.replace(":", "%3a")) == uuid
    assert key.linked(f"https://x/api/Jobs('{id.replace(':', '%253A')}')") == uuid
    for wrong in ("", id[:-1], id + "0", id.replace("jid", "tid")):
        assert key.read(wrong) is None
        with pytest.raises(NotFound):
            key.uuid(wrong)
    with pytest.raises(Invalid):
        key.linked("https://x/api/Jobs('y')")
