"""Where steps go to, and what comes back."""

from __future__ import annotations

import pytest

from vidijob.errors import Invalid
from vidijob.jobs.model import Progress
from vidijob.jobs.remote import Answer, Message, Verdict, check, read_answer, read_message, target


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://Engine.example", "http://engine.example"),
        ("https://user:word@engine.example:8443/a?b=c#d", "https://engine.example:8443"),
        ("http://[::1]:80/", "http://[::1]:80"),
    ],
)
def test_an_origin_has_no_secrets(url: str, origin: str) -> None:
    found = target({"url": url, "deadline": "1.5"})
    assert (found.url, found.origin, found.deadline) == (url, origin, 1.5)
    assert target({"url": url}).deadline == 3600
    check({"url": url})


@pytest.mark.parametrize(
    "url", ["engine", "ftp://engine", "http://", "http://a b", "http://a:x", "http://[::1", "http://a\n"]
)
def test_urls_that_no_step_can_be_sent_to(url: str) -> None:
    for read in (check, target):
        with pytest.raises(Invalid) as refused:
            read({"url": url})
        assert refused.value.context == "url"


@pytest.mark.parametrize("deadline", ["", "soon", "0", "-1", "nan", "inf", "1e9"])
def test_deadlines_that_are_none(deadline: str) -> None:
    with pytest.raises(Invalid, match="deadline"):
        check({"deadline": deadline})


def test_what_is_missing_may_still_come() -> None:
    check({})
    with pytest.raises(Invalid, match="no url"):
        target({})


def test_a_message_may_say_everything_at_once() -> None:
    told = read_message(
        """{"progress": {"value": 1, "total": 2.5, "unit": "bytes"}, "log": "a", "outcome": "wait", "reason": "b",
            "data": {"x": "y", "many": ["1", 2, true], "gone": null, "none": []}}"""
    )
    verdict = Verdict("wait", "b", {"x": ["y"], "many": ["1", "2", "true"], "gone": None, "none": []})
    assert told == Message(Progress(1.0, 2.5, "bytes"), "a", verdict)
    assert Verdict.of(verdict.document()) == verdict
    assert read_message('{"outcome": "done"}') == Message(verdict=Verdict("done"))
    assert read_message(f'{{"log": "{"a" * 9999}"}}').line == "a" * 2000


def test_only_json_sets_data() -> None:
    assert read_answer(Answer(200, "application/json", b'{"data": {"a": "b"}, "other": 1}')) == {"a": ["b"]}
    for type, body in (
        ("text/plain", b'{"data": {"a": "b"}}'),
        ("application/json", b" "),
        ("application/json", b"{}"),
    ):
        assert read_answer(Answer(200, type, body)) == {}
    with pytest.raises(Invalid):
        read_answer(Answer(200, "application/json", b"[]"))
