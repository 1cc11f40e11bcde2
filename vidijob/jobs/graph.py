"""The graph of a job type's steps: who waits for whom. Pure; it does not know how states are stored.

A step may start when the steps it depends on have ended (``dependency``), or when those of its ``parallelDependency``
have signalled parallel or ended; where both are given, either is enough (contract 9). Clean-up steps are no part of the
graph: they run one after the other when the job's end is certain.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from vidijob.errors import Invalid
from vidijob.jobs.model import Dependency, StepNumber, TaskDefinition


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A task definition with its place in the graph."""

    task: TaskDefinition
    #: How many steps must end first; ``None``: that is no way in.
    waiting: int | None
    #: How many must have signalled or ended, where that is enough; ``None``: that is no way in.
    waiting_parallel: int | None
    #: The steps whose ``waiting`` this one's end lessens.
    unlocks: tuple[StepNumber, ...]
    #: The steps whose ``waiting_parallel`` this one's signal or end lessens.
    unlocks_parallel: tuple[StepNumber, ...]


def plan(tasks: Sequence[TaskDefinition]) -> tuple[PlannedStep, ...]:
    """Work out the graph; raises ``Invalid`` for a step number used twice, an unknown dependency or a cycle."""
    ordered = sorted(tasks, key=lambda task: task.step)
    numbers = [task.step for task in ordered]
    twice = {number for number in numbers if numbers.count(number) > 1}
    if twice:
        raise Invalid("task", f"The step number {min(twice)} is used twice.", value=str(min(twice)))
    chain = [task.step for task in ordered if not task.cleanup]
    after = {task.step: _predecessors(task.dependency, task.step, chain) for task in ordered if not task.cleanup}
    beside = {
        task.step: _predecessors(task.parallel_dependency, task.step, chain) for task in ordered if not task.cleanup
    }
    _check({step: {*(after[step] or ()), *(beside[step] or ())} for step in chain})
    planned = []
    for task in ordered:
        if task.cleanup:
            planned.append(PlannedStep(task, None, None, (), ()))
            continue
        ends, signals = after[task.step], beside[task.step]
        if ends is None and signals is None:
            ends = ()
        planned.append(
            PlannedStep(
                task,
                None if ends is None else len(ends),
                None if signals is None else len(signals),
                tuple(step for step in chain if task.step in (after[step] or ())),
                tuple(step for step in chain if task.step in (beside[step] or ())),
            )
        )
    return tuple(planned)


def chained(
    tasks: Sequence[TaskDefinition], needs: Mapping[StepNumber, Collection[StepNumber]]
) -> tuple[PlannedStep, ...]:
    """Work out the graph of steps that start when those have ended which each of them needs; raises ``Invalid`` for a circle."""
    _check({step: set(others) for step, others in needs.items()})
    return tuple(
        PlannedStep(task, len(needs[task.step]), None, tuple(other for other in needs if task.step in needs[other]), ())
        for task in tasks
    )


def _check(needs: Mapping[StepNumber, set[StepNumber]]) -> None:
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = " → ".join(str(step) for step in error.args[1])
        raise Invalid("task", f"The steps wait for each other in a circle: {circle}.", value=circle) from None


def _predecessors(
    dependency: Dependency, step: StepNumber, chain: Sequence[StepNumber]
) -> tuple[StepNumber, ...] | None:
    """Return the steps that a dependency names, or ``None`` when it is not set."""
    earlier = [other for other in chain if other < step]
    if not (dependency.step or dependency.previous or dependency.all_previous):
        return None
    named = set(earlier) if dependency.all_previous else set(earlier[-1:]) if dependency.previous else set()
    if dependency.step:
        if dependency.step not in chain:
            raise Invalid(
                "task",
                f"Step {step} depends on step {dependency.step}, which is not there.",
                value=str(dependency.step),
            )
        named.add(dependency.step)
    return tuple(sorted(named))
