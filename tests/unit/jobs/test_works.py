"""Transcodes as steps of one job: who waits for whom follows from what each reads and makes."""

from __future__ import annotations

import json

import pytest

from vidijob.errors import Invalid
from vidijob.jobs.model import StepNumber
from vidijob.jobs.works import Making, Work, encoding, steps


def work(number: int, sources: list[str], makes: list[str], *, critical: bool = True) -> Work:
    """Return a work."""
    return Work(StepNumber(number), f"work {number}", sources, [Making(uri, "{}") for uri in makes], critical)


def test_a_step_waits_for_those_that_make_what_it_reads() -> None:
    planned = steps([work(10, ["c", "a", "x"], ["d"]), work(20, ["x"], ["a", "b"]), work(30, ["a", "b"], ["c"])])
    assert {step.task.step: (step.waiting, step.unlocks) for step in planned} == {
        10: (2, ()), 20: (0, (10, 30)), 30: (1, (10,)),
    }  # fmt: skip
    assert all(step.waiting_parallel is None and step.unlocks_parallel == () for step in planned)
    assert {(step.task.executor, step.task.method) for step in planned} == {("task", "run")}
    orders = json.loads(planned[1].task.metadata["order"])
    assert [order["destinationUri"] for order in orders] == [["a"], ["b"]]
    assert all(order["sourceUri"] == ["x"] and order["overwrite"] == ["true"] for order in orders)


def test_works_that_wait_for_each_other_are_refused() -> None:
    for circle in ([work(10, ["a"], ["a"])], [work(10, ["b"], ["a"]), work(20, ["a"], ["b"])]):
        with pytest.raises(Invalid, match="in a circle"):
            steps(circle)


def test_what_is_made() -> None:
    assert json.loads(encoding("m4a", picture=False)) == {"container": "m4a", "audio": {"codec": "aac"}}
    assert "height" not in json.loads(encoding("mp4"))["video"]
    assert json.loads(encoding("mp4", 720))["video"]["height"] == 720
