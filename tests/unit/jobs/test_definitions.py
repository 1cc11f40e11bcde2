"""What may be defined."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from vidijob.errors import Invalid
from vidijob.jobs.catalogue import EDITION, JOB_TYPES
from vidijob.jobs.definitions import check_task, check_together, check_type_id, check_type_name
from vidijob.jobs.model import Dependency, StepNumber, TaskDefinition

TASK = TaskDefinition(StepNumber(100), "Work", "test", "work", Dependency(previous=True))


@pytest.mark.parametrize("name", ["ACME_HELLO", "a", "_", "A.b-9", "ALLES", "A" * 100])
def test_names_that_can_be_taken(name: str) -> None:
    check_type_name(name)


@pytest.mark.parametrize(
    "name", ["", "all", "ALL", "a b", "a,b", "a;b", "a/b", "9a", "-a", "ä", "a\n", "a\x00", "A" * 101, "\u0661"]
)
def test_names_that_cannot(name: str) -> None:
    with pytest.raises(Invalid):
        check_type_name(name)


def test_ids() -> None:
    for id in (20_000, 30_000):
        check_type_id(id)
    for id in (-1, 0, 19_999, 30_001):
        with pytest.raises(Invalid):
            check_type_id(id)


def test_every_shipped_type_could_be_an_administrators() -> None:
    for kind in JOB_TYPES.values():
        check_type_name(kind.name)
        for task in kind.tasks:
            check_task(task)
        check_together(kind.name, kind.tasks)
    assert EDITION >= 1


@pytest.mark.parametrize(
    "task",
    [
        replace(TASK, step=StepNumber(1)),
        replace(TASK, step=StepNumber(32_767), flags=2**63 - 1),
        replace(TASK, executor="script", method="run", script="1;"),
        replace(TASK, executor="http", method="post", metadata={"url": "https://engine.example/a"}),
        replace(TASK, metadata={"url": "of something else"}),
    ],
)
def test_tasks_that_can_be_taken(task: TaskDefinition) -> None:
    check_task(task)


@pytest.mark.parametrize(
    "task",
    [
        replace(TASK, step=StepNumber(0)),
        replace(TASK, step=StepNumber(32_768)),
        replace(TASK, flags=-1),
        replace(TASK, flags=2**63),
        replace(TASK, dependency=Dependency(StepNumber(-1))),
        replace(TASK, dependency=Dependency(StepNumber(100))),
        replace(TASK, parallel_dependency=Dependency(StepNumber(32_768))),
        replace(TASK, executor=""),
        replace(TASK, method=" "),
        replace(TASK, executor="script", method="run"),
        replace(TASK, script="1;"),
        replace(TASK, executor="script", method="run", script=" "),
        replace(TASK, executor="script", method="run", script="1;", plugin=True),
        replace(TASK, description="x" * 1001),
        replace(TASK, extradata="\x00"),
        replace(TASK, metadata={"": "x"}),
        replace(TASK, metadata={"x": "\x00"}),
        replace(TASK, metadata={"x" * 201: ""}),
        replace(TASK, metadata={"x": "y" * 10_001}),
        *(
            replace(TASK, metadata={"retries": text})
            for text in ("", " ", "-1", "1001", "2.5", "many", "1e1", "\u0661")
        ),
        *(replace(TASK, metadata={"retryDelay": text}) for text in ("", "-1", "86401", "86400.1", "nan", "1,5", "5 s")),
        *(replace(TASK, metadata={"timeout": text}) for text in ("", "-0", "2592001", "inf", "0x5", " 5", "1e400")),
        replace(TASK, executor="http", method="post", metadata={"url": "ftp://engine.example"}),
        replace(TASK, executor="http", method="post", metadata={"deadline": "soon"}),
        replace(TASK, metadata={str(number): "" for number in range(101)}),
    ],
)
def test_tasks_that_cannot(task: TaskDefinition) -> None:
    with pytest.raises(Invalid) as caught:
        check_task(task)
    assert len(caught.value.explanation) > 15


def test_the_largest_type_is_checked_in_a_moment() -> None:
    began = time.perf_counter()
    check_together(
        "ACME", [replace(TASK, step=StepNumber(n), dependency=Dependency(all_previous=True)) for n in range(1, 201)]
    )
    assert time.perf_counter() - began < 2
    with pytest.raises(Invalid, match="at most 200"):
        check_together("ACME", [replace(TASK, step=StepNumber(n)) for n in range(1, 202)])
    with pytest.raises(Invalid, match="never used"):
        check_together("NONE", [TASK])
    check_together("NONE", [])
