"""Notifications and their documents, both ways, for whatever a client sends."""

from __future__ import annotations

import json as standard
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from vidijob.api.vidispine.documents import NotificationDocument
from vidijob.api.vidispine.translate.notifications import definition, document
from vidijob.binding import json, xml, xsd
from vidijob.errors import Invalid, NotImplementedHere
from vidijob.jobs.model import StepNumber
from vidijob.jobs.notifications import (
    Content,
    DataFilter,
    Definition,
    EventFilter,
    HttpAction,
    Pattern,
    Trigger,
)

printable = st.text(
    alphabet=st.characters(min_codepoint=33, max_codepoint=0xD7FF, exclude_categories=("C", "Z")),
    min_size=1,
    max_size=9,
)
patterns = st.builds(Pattern, printable) | st.sampled_from([Pattern("a+", True), Pattern(r"VX-\d*", True)])
actions = st.builds(
    HttpAction,
    url=st.sampled_from(["http://a/", "https://u:p@[::1]:81/x?y=%20&z#w", "http://ü.example/ä"]),
    method=st.sampled_from([None, "POST", "PUT"]),
    content_type=st.sampled_from([None, "application/json; charset=utf-8", "text/plain"]),
    timeout=st.none() | st.integers(0, 86400).map(lambda seconds: timedelta(seconds=seconds)),
    retry=st.none() | st.integers(0, 1000),
    synchronous=st.booleans(),
    group=st.none() | printable,
    extra_data=st.none() | printable,
)
filters = st.builds(
    EventFilter,
    types=st.lists(printable, max_size=3, unique=True).map(tuple),
    step=st.none() | st.integers(0, 2**31 - 1).map(StepNumber),
    data=st.none() | st.builds(DataFilter, patterns, patterns),
)
definitions = st.builds(
    Definition,
    action=actions,
    trigger=st.sampled_from(Trigger),
    placeholder=st.booleans(),
    filter=filters,
    content=st.lists(st.sampled_from(Content), unique=True).map(tuple),
)


# The schema takes a second to load.
@settings(deadline=None)
@given(definitions)
def test_a_definition_survives_every_form(wanted: Definition) -> None:
    written = document(wanted)
    assert definition(xml.read(NotificationDocument, xml.write(written))) == wanted
    assert definition(json.read(NotificationDocument, json.write(written))) == wanted
    assert xsd.load("vidispine.xsd").is_valid(xml.write(written).decode())


KEYS = [
    "action", "trigger", "http", "ejb", "sns", "job", "metadata", "stop", "fail", "update", "filter", "type", "step",
    "jobdata", "key", "key-regex", "value", "value-regex", "contentFilters", "contentFilter", "placeholder", "url",
    "retry", "timeout", "method", "synchronous", "group", "extradata", "contentType",
]  # fmt: skip
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["http://a/", "jobId", "none", "POST", "(", "true", "5", ""])
)
trees: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)
nearly = st.fixed_dictionaries(
    {
        "action": st.fixed_dictionaries({"http": st.dictionaries(st.sampled_from(KEYS), scalars | trees, max_size=8)}),
        "trigger": st.fixed_dictionaries({"job": st.dictionaries(st.sampled_from(KEYS), trees, max_size=5)}),
    }
)


@given(nearly | trees)
def test_whatever_is_sent_is_taken_whole_or_refused(tree: Any) -> None:
    try:
        taken = definition(json.read(NotificationDocument, standard.dumps(tree).encode()))
    except (Invalid, NotImplementedHere):
        return
    assert definition(document(taken)) == taken
