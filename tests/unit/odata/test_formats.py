"""Which format is answered."""

from __future__ import annotations

import pytest

from vidijob.odata.formats import Format, wanted

VERBOSE, MINIMAL, ATOM = Format.VERBOSE, Format.MINIMAL, Format.ATOM


@pytest.mark.parametrize(
    ("accept", "option", "format"),
    [
        (None, None, ATOM), ("", None, ATOM), ("*/*", None, ATOM), ("text/html, */*;q=0.8", None, ATOM),
        ("application/json", None, MINIMAL), ("Application/JSON; OData=Verbose; charset=utf-8", None, VERBOSE),
        ("application/json;odata=minimalmetadata", None, MINIMAL), ("application/atom+xml,application/xml", None, ATOM),
        # What is liked as well as another.
        ("application/json, application/json;odata=verbose", None, VERBOSE), ("application/atom+xml, application/json", None, MINIMAL),
        # What is liked better.
        ("application/atom+xml, application/json;q=0.5", None, ATOM), ("application/xml;q=0.3, application/json;odata=verbose;q=0.4", None, VERBOSE),
        ("application/json;odata=verbose;q=0.2, application/json;q=0.9", None, MINIMAL), ("application/json;q=0", None, ATOM),
        # A client asks so for everything; the first is for the document of the service only.
        ("application/atomsvc+xml;q=0.8, application/json;odata=fullmetadata;q=0.7, application/json;q=0.5, */*;q=0.1", None, MINIMAL),
        ("application/json", "atom", ATOM), ("application/atom+xml", "json", MINIMAL), (None, "verbosejson", VERBOSE),
        (None, "application/json;odata=verbose", VERBOSE), ("application/json;q=nonsense", None, MINIMAL), (",;,;q=1", None, ATOM),
    ],
)  # fmt: skip
def test_the_format_that_is_liked_best_is_answered(accept: str | None, option: str | None, format: Format) -> None:
    assert wanted(accept, option) is format
