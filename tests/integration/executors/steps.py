"""Carries steps out as an engine would, without one: the steps of a job type in order, data kept between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count

from vidijob.executors.base import Done, Executor, Outcome, ProgressUnit
from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.jobs.model import Priority

_leases = count(1)


@dataclass
class Part:
    """A sub-task, and what was told of it."""

    description: str
    events: list[str] = field(default_factory=list)
    told: list[tuple[float, float, ProgressUnit]] = field(default_factory=list)

    def start(self) -> None:
        self.events.append("start")

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        self.told.append((value, total, unit))

    def finish(self) -> None:
        self.events.append("finish")

    def fail(self, reason: str) -> None:
        self.events.append(f"fail: {reason}")


@dataclass
class Step:
    """What an executor is given, and what it told."""

    method: str
    data: Mapping[str, Sequence[str]] = field(default_factory=dict)
    job: str = "VX-1"
    step: int = 100
    lease: int = field(default_factory=lambda: next(_leases))
    user: str = "admin"
    priority: Priority = Priority.MEDIUM
    metadata: Mapping[str, str] = field(default_factory=dict)
    script: str | None = None
    told: list[tuple[float, float, ProgressUnit]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    signals: int = 0
    said: list[Mapping[str, Sequence[str]]] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)

    def progress(self, value: float, total: float, unit: ProgressUnit) -> None:
        self.told.append((value, total, unit))

    def tell(self, data: Mapping[str, Sequence[str]]) -> None:
        self.said.append(data)

    def note(self, text: str) -> None:
        self.notes.append(text)

    def signal(self) -> None:
        self.signals += 1

    def split(self, descriptions: Sequence[str]) -> Sequence[Part]:
        assert not self.parts
        self.parts = [Part(text) for text in descriptions]
        return self.parts


class Job:
    """One job of a type, carried out step by step."""

    def __init__(self, type: str, executor: Executor, /, **data: str | Sequence[str]) -> None:
        self.executor = executor
        self.id = "VX-1"
        self.tasks = JOB_TYPES[type].tasks
        self.data: dict[str, Sequence[str]] = {
            key: [values] if isinstance(values, str) else list(values) for key, values in data.items()
        }
        self.steps: list[Step] = []

    def step(self, method: str) -> Step:
        """Return a new attempt of a step."""
        task = next(task for task in self.tasks if task.method == method)
        step = Step(method, dict(self.data), self.id, task.step, metadata=task.metadata)
        self.steps.append(step)
        return step

    async def attempt(self, method: str) -> Outcome:
        """Carry out a step and keep its data."""
        outcome = await self.executor.run(self.step(method))
        if isinstance(outcome, Done):
            for key, values in outcome.data.items():
                if values is None:
                    self.data.pop(key, None)
                else:
                    self.data[key] = values
        return outcome

    async def until(self, method: str) -> None:
        """Carry out everything before a step."""
        for task in self.tasks:
            if task.method == method:
                return
            outcome = await self.attempt(task.method)
            assert isinstance(outcome, Done), outcome

    async def run(self) -> Outcome:
        """Carry out all steps, and the clean-up however they ended; return the outcome of the last before it."""
        outcome: Outcome = Done()
        for task in self.tasks:
            if task.cleanup:
                assert isinstance(await self.attempt(task.method), Done)
            elif isinstance(outcome, Done):
                outcome = await self.attempt(task.method)
        return outcome
