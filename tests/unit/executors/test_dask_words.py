"""What a dispatcher and a node say to each other arrives as it was said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.integration.executors.steps import Step
from vidijob.executors.base import Done, Fail, Outcome, Retry, Vanished, Wait
from vidijob.executors.dask.relay import Relay, Replay
from vidijob.executors.dask.words import Order, outcome_document, outcome_of
from vidijob.jobs.model import Priority

OUTCOMES = [
    Done(),
    Done({"a": ["1", "2"], "gone": None}),
    Retry("not now", {"a": ["1"]}),
    Fail("never: \udcff"),
    Wait("SOURCE_UNAVAILABLE", {"source": "file:///a"}, "It is not there.", {"b": None}),
    Vanished("gone"),
]


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_outcomes(outcome: Outcome) -> None:
    assert outcome_of(json.loads(json.dumps(outcome_document(outcome)))) == outcome


def test_an_order_holds_all_that_a_step_may_know() -> None:
    step = Step("run", {"sourceUri": ["file:///a"]}, metadata={"timeout": "5"}, priority=Priority.HIGH)
    sent = json.loads(json.dumps(Order.of(step, "shell", "topic", {"storage_roots": ["/s"]}).document()))
    relay = Relay(order := Order(**sent), lambda _: None)
    for name in ("job", "step", "lease", "method", "data", "user", "priority", "metadata", "script"):
        assert getattr(relay, name) == getattr(step, name), name
    assert (order.executor, order.topic, order.settings) == ("shell", "topic", {"storage_roots": ["/s"]})


def test_what_a_step_tells_is_told_again() -> None:
    step, sent = Step("run"), list[Mapping[str, Any]]()
    replay = Replay(step)
    relay = Relay(Order.of(step, "shell", "topic", {}), lambda news: sent.append(json.loads(json.dumps(news))))
    first, second = relay.split(["a.mov", "b.mov"])
    first.start()
    first.progress(1, 2, "bytes")
    first.progress(2, 2, "bytes")
    first.finish()
    second.start()
    second.fail("no room")
    relay.progress(10, 100, "percent")
    relay.progress(20, 100, "percent")
    relay.tell({"speed": ["1"], "left": ["9"]})
    relay.tell({"speed": ["2"]})
    for number in range(1200):
        relay.note(f"line {number}")
    relay.signal()
    relay.flush()
    for news in sent:
        replay.hear(news)
    assert [part.description for part in step.parts] == ["a.mov", "b.mov"]
    assert step.parts[0].events == ["start", "finish"] and step.parts[0].told == [(2, 2, "bytes")]
    assert step.parts[1].events == ["start", "fail: no room"]
    assert step.told == [(20, 100, "percent")]
    assert step.said == [{"speed": ["2"], "left": ["9"]}]
    assert step.notes == [f"line {number}" for number in range(1200)]
    assert step.signals == 1
    # Nothing more is to be told.
    told = len(sent)
    relay.flush()
    assert len(sent) == told
