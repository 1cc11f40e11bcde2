"""The graphs of real servers (contract 9), and when a step may start by the words of the contract."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vidijob.jobs.model import Dependency, StepNumber, TaskDefinition

PREVIOUS, ALL_PREVIOUS, NONE = Dependency(previous=True), Dependency(all_previous=True), Dependency()


def on(step: int) -> Dependency:
    """Return a dependency on one step by its number."""
    return Dependency(step=StepNumber(step))


def task(
    step: int, after: Dependency = NONE, beside: Dependency = NONE, *, cleanup: bool = False, critical: bool = True
) -> TaskDefinition:
    """Return a step with its dependency and its parallel dependency."""
    return TaskDefinition(
        StepNumber(step), f"Step {step}", "test", "work", after, beside, critical=critical, cleanup=cleanup
    )


#: The graphs of a real server, in the columns of the contract (section 9).
SHAPE_IMPORT = [
    task(100, ALL_PREVIOUS),
    task(200, NONE, PREVIOUS),
    task(300, NONE, PREVIOUS),
    task(400, PREVIOUS),
    task(1000, PREVIOUS),
    task(5000, cleanup=True),
]
PLACEHOLDER_IMPORT = [
    task(100, ALL_PREVIOUS),
    task(200, PREVIOUS),
    task(300, PREVIOUS),
    task(400, NONE, on(200)),
    task(500, PREVIOUS),
    task(540, PREVIOUS, PREVIOUS),
    task(545, PREVIOUS, PREVIOUS, critical=False),
    task(600, PREVIOUS, critical=False),
    task(700, NONE, PREVIOUS, critical=False),
    task(800, PREVIOUS, critical=False),
    task(850, ALL_PREVIOUS),
    task(852, PREVIOUS),
    task(855, PREVIOUS),
    task(860, PREVIOUS),
    task(870, PREVIOUS, critical=False),
    task(875, PREVIOUS, critical=False),
    task(900, ALL_PREVIOUS),
    task(1000, ALL_PREVIOUS),
    task(1090, PREVIOUS),
    task(1100, ALL_PREVIOUS, critical=False),
    task(5000, cleanup=True),
]


def named(tasks: Sequence[TaskDefinition], step: TaskDefinition, dependency: Dependency) -> set[int] | None:
    """Return the steps that a dependency names, by the words of the contract; ``None``: it is not set."""
    if dependency == NONE:
        return None
    before = sorted(other.step for other in tasks if not other.cleanup and other.step < step.step)
    found: set[int] = {dependency.step} if dependency.step else set()
    if dependency.all_previous:
        found.update(before)
    if dependency.previous:
        found.update(before[-1:])
    return found


def may_start(
    tasks: Sequence[TaskDefinition], step: TaskDefinition, ended: Collection[int], signalled: Collection[int]
) -> bool:
    """Tell whether a step may start, by the words of the contract."""
    ends, signals = (named(tasks, step, kind) for kind in (step.dependency, step.parallel_dependency))
    if ends is None and signals is None:
        return True
    return (ends is not None and ends <= set(ended)) or (signals is not None and signals <= {*ended, *signalled})
