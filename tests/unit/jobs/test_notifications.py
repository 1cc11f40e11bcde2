"""Which changes concern which notifications; patterns and URLs that can be taken."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidijob.errors import Invalid, NotFound
from vidijob.jobs.model import Job, JobId, Priority, StepNumber
from vidijob.jobs.notifications import (
    Change,
    DataFilter,
    Definition,
    EventFilter,
    HttpAction,
    Notification,
    NotificationId,
    NotificationRequest,
    Pattern,
    Place,
    Scope,
    Trigger,
    check_pattern,
    check_url,
    matches,
    notification_name,
    parse_notification,
    triggers,
)
from vidijob.jobs.states import ENDED, JobState, StepState

NOW = datetime(2026, 1, 2, tzinfo=UTC)
JOB = Job(
    id=JobId(7),
    type="TRANSCODE",
    user="admin",
    state=JobState.STARTED,
    priority=Priority.MEDIUM,
    started=NOW,
    finished=None,
    data={"itemId": ["VX-1", "VX-2"], "app_x": ["yes\n"], "empty": []},
    total_steps=3,
)
END = Change(None, "STARTED", "FINISHED", at_step=StepNumber(600))
ALL = EventFilter()
ANY_JOB = Place(Scope.JOBS)


def notification(
    trigger: Trigger = Trigger.STOP,
    only: EventFilter = ALL,
    *,
    place: Place = ANY_JOB,
    placeholder: bool = False,
) -> Notification:
    """Return a notification."""
    definition = Definition(HttpAction("http://a/"), trigger, placeholder, only)
    return Notification(NotificationId(3), place, definition, "admin", "http://b/API/", NOW)


job_states = st.sampled_from([state.value for state in JobState])
changes = st.builds(
    Change,
    step=st.none() | st.just(StepNumber(100)),
    old=st.none() | job_states,
    new=job_states | st.sampled_from([state.value for state in StepState]) | st.just("DELETED"),
    at_step=st.none() | st.just(StepNumber(100)),
)


@given(changes)
def test_what_a_change_sets_off(change: Change) -> None:
    found = triggers(change)
    job = change.step is None and change.new in set(JobState)
    assert (Trigger.CREATE in found) == (job and change.old is None)
    assert (Trigger.UPDATE in found) == (change.step is not None or (job and change.old is not None))
    ended = job and change.old not in (None, change.new) and JobState(change.new) in ENDED
    assert (Trigger.STOP in found) == ended
    assert (Trigger.FINISHED in found) == (ended and change.new in ("FINISHED", "FINISHED_WARNING"))
    assert (Trigger.FAIL in found) == (ended and change.new == "FAILED_TOTAL")


def test_a_life_sets_off_each_once() -> None:
    life = [
        Change(None, None, "READY"),
        Change(None, "READY", "STARTED"),
        Change(StepNumber(100), "NONE", "READY"),
        Change(StepNumber(100), "READY", "STARTED_ASYNCHRONOUS"),
        Change(StepNumber(100), "STARTED_ASYNCHRONOUS", "FINISHED"),
        # Another priority.
        Change(None, "STARTED", "STARTED"),
        Change(None, "STARTED", "FINISHED_WARNING"),
        Change(None, "FINISHED_WARNING", "DELETED"),
    ]
    counts = {trigger: sum(trigger in triggers(change) for change in life) for trigger in Trigger}
    assert counts == {
        Trigger.CREATE: 1, Trigger.UPDATE: 6, Trigger.STOP: 1, Trigger.FINISHED: 1, Trigger.FAIL: 0,
    }  # fmt: skip


def test_aborted_is_an_end_and_no_failure() -> None:
    assert triggers(Change(None, "ABORTED_PENDING", "ABORTED")) == {Trigger.UPDATE, Trigger.STOP}


@given(st.sampled_from(Trigger), changes)
def test_without_filters_the_trigger_alone_decides(trigger: Trigger, change: Change) -> None:
    assert matches(notification(trigger), change, JOB) == (trigger in triggers(change))


PATTERNS = [
    (Pattern("itemId"), Pattern("VX-2"), True),
    (Pattern("itemId"), Pattern("VX"), False),
    (Pattern("itemid"), Pattern("VX-2"), False),
    (Pattern("item.*", True), Pattern(r"VX-\d+", True), True),
    # The whole of it, not a part.
    (Pattern("item", True), Pattern(r"VX-\d+", True), False),
    (Pattern("itemId"), Pattern(r"X-\d", True), False),
    (Pattern("app_x"), Pattern("yes", True), False),
    (Pattern("app_x"), Pattern(r"yes\s", True), True),
    (Pattern("a|itemId", True), Pattern("VX-1|VX-9", True), True),
    (Pattern("(?i)ITEMID", True), Pattern(".*", True), True),
    # Key and value must be of one pair.
    (Pattern("app_x"), Pattern("VX-1"), False),
    (Pattern("empty"), Pattern(".*", True), False),
]


@pytest.mark.parametrize(("key", "value", "expected"), PATTERNS)
def test_a_filter_of_job_data(key: Pattern, value: Pattern, expected: bool) -> None:
    assert matches(notification(only=EventFilter(data=DataFilter(key, value))), END, JOB) is expected


@pytest.mark.parametrize(
    ("types", "expected"), [((), True), (("TRANSCODE",), True), (("A", "TRANSCODE"), True), (("A",), False)]
)
def test_a_filter_of_types(types: tuple[str, ...], expected: bool) -> None:
    assert matches(notification(only=EventFilter(types=types)), END, JOB) is expected


def test_a_filter_of_steps() -> None:
    only = EventFilter(step=StepNumber(600))
    assert matches(notification(only=only), END, JOB)
    assert not matches(notification(only=only), replace(END, at_step=None), JOB)
    step = Change(StepNumber(600), "READY", "STARTED", at_step=StepNumber(100))
    assert matches(notification(Trigger.UPDATE, only), step, JOB)
    assert not matches(notification(Trigger.UPDATE, only), replace(step, step=StepNumber(100)), JOB)


@pytest.mark.parametrize("place", [Place(Scope.JOBS), Place(Scope.JOB, JobId(7)), Place(Scope.PLACEHOLDER)])
@pytest.mark.parametrize("placeholder", [False, True])
def test_one_that_must_be_named(place: Place, placeholder: bool) -> None:
    one = notification(place=place, placeholder=placeholder)
    needed = placeholder or place.scope is Scope.PLACEHOLDER
    assert matches(one, END, JOB) is not needed
    assert matches(one, END, JOB, NotificationRequest(NotificationId(4))) is not needed
    assert matches(one, END, JOB, NotificationRequest(NotificationId(3)))


def test_one_about_another_job() -> None:
    assert not matches(notification(place=Place(Scope.JOB, JobId(8))), END, JOB)


texts = st.text(max_size=50)


@given(texts, texts)
def test_a_text_fits_only_itself(text: str, other: str) -> None:
    assert Pattern(text).fits(text)
    assert Pattern(text).fits(other) == (text == other)


@given(st.text(alphabet="abAB01 é\n", max_size=20), st.text(alphabet="ab01[](){}*+?.|^$\\-é", max_size=12))
def test_an_expression_is_refused_or_fits_what_python_fits(text: str, pattern: str) -> None:
    try:
        check_pattern("value-regex", pattern)
    except Invalid as refused:
        assert refused.context == "value-regex"
        return
    try:
        expected = re.compile(pattern)
    except re.error:
        return
    # The two agree where the words are the same in both: no classes, boundaries or flags.
    if not re.search(r"[\\^$\[{]|\(\?|[*+?]\+", pattern):
        assert Pattern(pattern, regex=True).fits(text) == (expected.fullmatch(text) is not None)


@pytest.mark.parametrize("pattern", ["(a+)+b", "(a|aa)*c", "(.*)*x", "(?:a?){50}a{50}b"])
def test_no_expression_takes_longer_than_the_text_is_long(pattern: str) -> None:
    check_pattern("key-regex", pattern)
    began = time.perf_counter()
    assert not Pattern(pattern, regex=True).fits("a" * 20_000)
    assert time.perf_counter() - began < 1


@pytest.mark.parametrize("pattern", ["(", "[", "*", "a)|(?:b", r"(a)\1", "(?=a)", "(?<!a)b", "(?P<a", "\\", "x" * 1001])
def test_an_expression_that_cannot_be_compiled(pattern: str) -> None:
    with pytest.raises(Invalid) as refused:
        check_pattern("key-regex", pattern)
    assert refused.value.context == "key-regex"


@pytest.mark.parametrize(
    "pattern",
    [r"\w{200}", r"(\w{50}){4}", r"((a{11}){10}){10}", r"\pL{60}", r"(?x)\w{ 200 }", r"\w" * 50, r"x|(\w{9,99})"],
)
def test_an_expression_that_would_take_megabytes_is_refused_before_it_does(pattern: str) -> None:
    with pytest.raises(Invalid, match="repeats too much"):
        check_pattern("key-regex", pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{3})?Z", "[0-9a-f]{64}", r"^(acme|foo)_\w+\.mxf$", ".{1,150}", "x" * 1000,
        "[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", "a{0}", r"\{200\}{2}",
    ],
)  # fmt: skip
def test_an_expression_of_a_usual_size_is_taken(pattern: str) -> None:
    assert check_pattern("key-regex", pattern) == pattern


@given(st.text() | st.from_regex(r"\Ahttps?://[^/]{0,20}(:[0-9]{0,6})?/?[^ ]{0,20}\Z"))
def test_a_url_is_taken_as_it_is_or_refused_without_repeating_it(text: str) -> None:
    try:
        assert check_url(text) == text
    except Invalid as refused:
        assert (refused.context, refused.value) == ("url", None)
        assert len(text) < 12 or text not in refused.explanation
    else:
        assert re.match(r"https?://", text, re.IGNORECASE)


@given(st.integers(1, 2**63 - 1))
def test_ids(number: int) -> None:
    assert parse_notification("VX", notification_name("VX", NotificationId(number))) == number


@pytest.mark.parametrize("text", ["VX-0", "KP-1", "VX-9223372036854775808", "VX-" + "9" * 32])
def test_an_id_that_cannot_be_here(text: str) -> None:
    with pytest.raises(NotFound):
        parse_notification("VX", text)


@pytest.mark.parametrize(
    "text", ["", "1", "VX-", "VX-1x", "VX--1", "VX-" + "9" * 33, "VX-1\n", "VX-\N{SUPERSCRIPT TWO}"]
)
def test_what_has_not_the_form_of_an_id(text: str) -> None:
    assert parse_notification("VX", text) is None


def test_the_url_is_not_shown() -> None:
    assert "hunter2" not in repr(HttpAction("http://user:hunter2@host/"))
