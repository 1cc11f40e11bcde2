"""Which form is answered, by the Accept header, and which was sent, by the Content-Type header."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.web.negotiate import Form, sent, wanted

XML, JSON, TEXT = Form.XML, Form.JSON, Form.TEXT
ALL = (XML, JSON, TEXT)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        # No preference: the first on offer.
        (None, XML),
        ("", XML),
        ("  ", XML),
        ("*/*", XML),
        ("*", XML),
        # By name, other names of the same form included.
        ("application/xml", XML),
        ("text/xml", XML),
        ("application/json", JSON),
        ("text/json", JSON),
        ("text/plain", TEXT),
        ("Application/JSON", JSON),
        ("application/json;charset=utf-8", JSON),
        ('application/json;profile="a,b"', JSON),
        ("application/json ; q=1", JSON),
        # A wildcard for the second half.
        ("text/*", TEXT),
        ("application/*", XML),
        ("TEXT/*", TEXT),
        # Quality.
        ("application/xml;q=0.5, application/json;q=0.8, text/plain;q=0.1", JSON),
        ("application/xml;q=0.001, text/plain;q=0.002", TEXT),
        ("application/json;q=0.9, */*;q=0.8", JSON),
        ("application/json;Q=0.1, text/plain;q=0.2", TEXT),
        ("application/json; q = 0.1, text/plain;q=0.2", TEXT),
        ("application/json;level=1;q=0.1, text/plain;q=0.2", TEXT),
        # The more specific range decides for a form, whatever the others say.
        ("*/*, application/xml;q=0.1", JSON),
        ("application/*;q=0.1, */*", TEXT),
        ("text/*, text/plain;q=0.1, application/json;q=0.5", JSON),
        ("*/*, application/xml;q=0, application/json;q=0", TEXT),
        # Of what is liked equally well, a form that is named goes before one that a wildcard covers …
        ("application/json, text/plain, */*", JSON),
        ("*/*, text/plain", TEXT),
        ("text/*, */*", TEXT),
        ("text/html, application/xhtml+xml, application/xml;q=0.9, */*;q=0.8", XML),
        # … then the offer's order decides, not the header's.
        ("text/plain, application/json, application/xml", XML),
        ("text/plain, application/json", JSON),
        # The same range twice: the better one.
        ("application/json;q=0.1, text/plain;q=0.5, application/json;q=0.9", JSON),
        # Nothing that can be had.
        ("image/gif", None),
        ("image/*", None),
        ("*/*;q=0", None),
        ("application/xml;q=0", None),
        ("application/xml;q=0, application/json;q=0.0, text/plain;q=0.000", None),
        ("text/xml;q=0, text/html", None),
        # What is no quality counts as none given.
        ("application/json;q=, text/plain;q=0.1", JSON),
        ("application/json;q=high", JSON),
        ("application/json;q=nan, text/plain", JSON),
        ("application/json;q=-1, text/plain;q=0.1", JSON),
        ("application/json;q=7, text/plain", JSON),
        ("application/json;q=1e-3, text/plain;q=0.1", JSON),
        # A header that names nothing accepts all.
        (",", XML),
        (" , ,", XML),
        (";q=0.5", XML),
        # Odd headers: what cannot be read is nothing that can be had, the rest still counts.
        (",, application/json ,,", JSON),
        (";q=1, application/json", JSON),
        ("application", None),
        ("/", None),
        ("application/json application/xml", None),
        ("json", None),
    ],
)
def test_the_form_of_the_answer(accept: str | None, form: Form | None) -> None:
    assert wanted(accept, ALL) is form


@pytest.mark.parametrize(
    ("accept", "offered", "form"),
    [
        (None, (TEXT,), TEXT),
        ("*/*", (JSON, XML), JSON),
        ("application/*", (TEXT, JSON), JSON),
        ("application/xml, application/json;q=0.1", (TEXT, JSON), JSON),
        ("application/xml", (TEXT,), None),
        ("text/plain", (XML, JSON), None),
        ("text/*", (XML, JSON), None),
    ],
)
def test_only_what_is_on_offer_is_answered(accept: str | None, offered: tuple[Form, ...], form: Form | None) -> None:
    assert wanted(accept, offered) is form


RANGES = st.sampled_from(
    [form.value for form in Form] + ["text/xml", "*/*", "*", "text/*", "application/*", "image/gif"]
)
QUALITIES = st.sampled_from(["", ";q=0", ";q=0.5", ";q=1", ";q=x", ";charset=utf-8;q=0.3"])
HEADERS = st.text() | st.lists(st.builds(str.__add__, RANGES, QUALITIES), max_size=6).map(", ".join)


@given(accept=HEADERS, offered=st.lists(st.sampled_from(Form), min_size=1, max_size=3, unique=True))
def test_any_header_gets_a_form_on_offer_or_none(accept: str, offered: list[Form]) -> None:
    assert wanted(accept, offered) in [*offered, None]


@given(HEADERS)
def test_what_is_refused_by_name_is_never_answered(accept: str) -> None:
    refused = ", ".join(f"{name};q=0" for name in ("application/xml", "text/xml"))
    if "xml" not in accept.lower():
        assert wanted(f"{accept}, {refused}", ALL) is not XML


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("application/xml", XML),
        ("text/xml", XML),
        ("Application/XML; charset=UTF-8", XML),
        ("application/atom+xml", XML),
        ("application/json", JSON),
        ("text/json;charset=utf-8", JSON),
        ("application/problem+json", JSON),
        ("text/plain", TEXT),
        (" text/plain ;format=flowed", TEXT),
        (None, None),
        ("", None),
        (";", None),
        ("image/gif", None),
        ("application/x-www-form-urlencoded", None),
        ("application/octet-stream", None),
        ("xml", None),
        ("*/*", None),
    ],
)
def test_the_form_of_a_body(content_type: str | None, form: Form | None) -> None:
    assert sent(content_type) is form


@given(st.text())
def test_any_content_type_is_known_or_not(content_type: str) -> None:
    assert sent(content_type) in [*Form, None]
