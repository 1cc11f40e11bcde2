"""Executors by name."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager

import pytest

from vidijob.errors import NotFound, Unreachable
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.executors.editing.executor import ConformExecutor, TimelineExecutor
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.http import Callback, HttpExecutor
from vidijob.executors.imf.executor import ImfExecutor
from vidijob.executors.ingest.executor import IngestExecutor
from vidijob.executors.listing.executor import ReportExecutor
from vidijob.executors.media.analysis import AnalysisExecutor
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.shapes import ShapeExecutor
from vidijob.executors.media.thumbnails import ThumbnailExecutor
from vidijob.executors.media.whole import WholeExecutor
from vidijob.executors.registry import Registry
from vidijob.executors.script.executor import Access, ScriptExecutor, Task
from vidijob.executors.shell import ShellExecutor
from vidijob.executors.shipped import METHODS
from vidijob.executors.sidecar.executor import SidecarExecutor
from vidijob.executors.storage import Storage
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.jobs.remote import Answer


async def no_task(job: str, step: int) -> Task | None:
    return None


async def no_access(user: str) -> Access | None:
    return None


async def no_call(method: str, url: str, *, headers: Mapping[str, str], body: bytes | None, seconds: float) -> Answer:
    raise Unreachable("There is nobody.")


class NoCallbacks:
    def open(self, step: StepContext) -> AbstractAsyncContextManager[Callback]:
        raise NotImplementedError


class Idle:
    methods = frozenset({"rest", "blink"})
    short = frozenset({"blink"})
    problems = frozenset({"TIRED"})

    async def run(self, step: StepContext) -> Outcome:
        return Done()

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        return data == {"slept": "well"}


async def test_asks_who_can_look_after_a_problem() -> None:
    registry = Registry({"idle": Idle()})
    assert registry.problems == ("TIRED",)
    assert await registry.is_gone("TIRED", {"slept": "well"})
    assert not await registry.is_gone("TIRED", {})
    assert not await registry.is_gone("OTHER", {"slept": "well"})


def test_knows_its_executors_and_what_they_can_do() -> None:
    idle = Idle()
    registry = Registry({"idle": idle})
    assert registry.names == ("idle",)
    assert registry.get("idle") is idle
    assert registry.short == ("idle.blink",)
    assert registry.has("idle", "rest")
    assert not registry.has("idle", "work") and not registry.has("busy", "rest")
    with pytest.raises(NotFound, match="no Executor busy"):
        registry.get("busy")


def test_every_shipped_step_has_an_executor_that_can_do_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    storage = Storage([tmp_path_factory.getbasetemp()])
    media, conform = MediaExecutor(storage, Presets.load()), ConformExecutor(storage, Presets.load())
    registry = Registry(
        {
            "file": FileExecutor(storage),
            "imf": ImfExecutor(storage),
            "sidecar": SidecarExecutor(storage),
            "report": ReportExecutor(storage),
            "shape": ShapeExecutor(storage),
            "thumbnail": ThumbnailExecutor(storage),
            "analysis": AnalysisExecutor(storage),
            "media": media,
            "task": WholeExecutor(media, conform),
            "ingest": IngestExecutor(storage, Presets.load()),
            "conform": conform,
            "timeline": TimelineExecutor(storage, Presets.load()),
            "script": ScriptExecutor(no_task, no_access),
            "shell": ShellExecutor([]),
            "http": HttpExecutor(no_call, NoCallbacks()),
        }
    )
    assert {name: registry.get(name).methods for name in registry.names} == METHODS
    for type in JOB_TYPES.values():
        for task in type.tasks:
            assert registry.has(task.executor, task.method), (type.name, task.step)
