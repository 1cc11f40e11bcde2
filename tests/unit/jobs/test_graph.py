"""Who waits for whom: the plan is followed here as the engine follows it, and compared with the words of the contract."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from graphlib import CycleError, TopologicalSorter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graphs import (
    ALL_PREVIOUS,
    NONE,
    PLACEHOLDER_IMPORT,
    PREVIOUS,
    SHAPE_IMPORT,
    may_start,
    named,
    on,
    task,
)
from vidijob.errors import Invalid
from vidijob.jobs.graph import PlannedStep, plan
from vidijob.jobs.model import Dependency, StepNumber, TaskDefinition


class Progress:
    """Follows a plan by its counts alone, as the statements of the engine do."""

    def __init__(self, tasks: Sequence[TaskDefinition]) -> None:
        self._steps = {step.task.step: step for step in plan(tasks)}
        self._waiting = {number: step.waiting for number, step in self._steps.items()}
        self._parallel = {number: step.waiting_parallel for number, step in self._steps.items()}
        self.started: list[int] = []
        self.running: set[int] = set()
        self.signalled: set[int] = set()
        self.ended: set[int] = set()
        self._start()

    def signal(self, number: int) -> None:
        """A running step lets those beside it start."""
        step = self._steps[StepNumber(number)]
        self.signalled.add(number)
        for other in step.unlocks_parallel:
            self._lessen(self._parallel, other)
        self._start()

    def end(self, *numbers: int) -> None:
        """Running steps end."""
        for number in numbers:
            self.running.remove(number)
            step = self._steps[StepNumber(number)]
            for other in step.unlocks:
                self._lessen(self._waiting, other)
            for other in () if number in self.signalled else step.unlocks_parallel:
                self._lessen(self._parallel, other)
            self.ended.add(number)
        self._start()

    def _lessen(self, counts: dict[StepNumber, int | None], number: StepNumber) -> None:
        count = counts[number]
        assert count, f"step {number} does not wait"
        counts[number] = count - 1

    def _start(self) -> None:
        for number in self._steps:
            if number not in self.started and 0 in (self._waiting[number], self._parallel[number]):
                self.started.append(number)
                self.running.add(number)


def waves(tasks: Sequence[TaskDefinition]) -> list[set[int]]:
    """Return what runs at once, if all that runs ends at once and nothing signals."""
    progress, found = Progress(tasks), []
    while progress.running:
        found.append(set(progress.running))
        progress.end(*progress.running)
    return found


def planned(tasks: Sequence[TaskDefinition], number: int) -> PlannedStep:
    return next(step for step in plan(tasks) if step.task.step == number)


def test_no_steps_are_a_plan_of_none() -> None:
    assert plan([]) == ()


def test_a_chain_runs_one_after_the_other_whatever_its_order_in_the_definition() -> None:
    tasks = [task(300, PREVIOUS), task(100, PREVIOUS), task(200, PREVIOUS)]
    assert [step.task.step for step in plan(tasks)] == [100, 200, 300]
    assert waves(tasks) == [{100}, {200}, {300}]
    assert (planned(tasks, 100).waiting, planned(tasks, 100).unlocks) == (0, (200,))


def test_all_previous_waits_for_everything_before_it() -> None:
    tasks = [task(100, ALL_PREVIOUS), task(200), task(300), task(400, ALL_PREVIOUS)]
    assert waves(tasks) == [{100, 200, 300}, {400}]
    assert planned(tasks, 400).waiting == 3


def test_a_step_by_number_may_stand_anywhere() -> None:
    assert waves([task(100), task(200, PREVIOUS), task(300, on(100))]) == [{100}, {200, 300}]
    assert waves([task(100, on(300)), task(200), task(300, on(200))]) == [{200}, {300}, {100}]


def test_what_depends_on_nothing_starts_at_once() -> None:
    assert waves([task(100), task(200)]) == [{100, 200}]


def test_a_dependency_with_several_words_waits_for_all_of_them() -> None:
    both = Dependency(step=StepNumber(100), previous=True)
    assert waves([task(100), task(200, PREVIOUS), task(300, both)]) == [{100}, {200}, {300}]
    assert planned([task(100), task(200, PREVIOUS), task(300, both)], 300).waiting == 2


def test_the_same_step_in_two_words_counts_once() -> None:
    tasks = [task(100), task(200, Dependency(StepNumber(100), previous=True, all_previous=True))]
    assert planned(tasks, 200).waiting == 1


def test_a_parallel_dependency_alone_waits_for_a_signal() -> None:
    tasks = [task(100), task(200, beside=PREVIOUS)]
    assert (planned(tasks, 200).waiting, planned(tasks, 200).waiting_parallel) == (None, 1)
    progress = Progress(tasks)
    assert progress.running == {100}
    progress.signal(100)
    assert progress.running == {100, 200}
    progress.end(100)
    assert progress.started == [100, 200]


def test_an_end_without_a_signal_is_enough_for_a_parallel_dependency() -> None:
    assert waves([task(100), task(200, beside=PREVIOUS)]) == [{100}, {200}]


def test_of_a_dependency_and_a_parallel_one_either_is_enough() -> None:
    tasks = [task(100), task(200), task(300, on(100), on(200))]
    by_end = Progress(tasks)
    by_end.end(100)
    assert by_end.running == {200, 300}
    by_signal = Progress(tasks)
    by_signal.signal(200)
    assert by_signal.running == {100, 200, 300}
    by_signal.end(100, 200)
    assert by_signal.started == [100, 200, 300]


def test_a_signal_does_not_stand_for_an_end() -> None:
    progress = Progress([task(100), task(200, PREVIOUS)])
    progress.signal(100)
    assert progress.running == {100}


def test_clean_up_is_no_part_of_the_graph() -> None:
    tasks = [task(100), task(150, cleanup=True), task(200, PREVIOUS), task(300, ALL_PREVIOUS)]
    tasks.append(task(5000, ALL_PREVIOUS, PREVIOUS, cleanup=True))
    assert waves(tasks) == [{100}, {200}, {300}]
    for number in (150, 5000):
        step = planned(tasks, number)
        assert (step.waiting, step.waiting_parallel, step.unlocks, step.unlocks_parallel) == (None, None, (), ())
    assert not any({150, 5000} & {*step.unlocks, *step.unlocks_parallel} for step in plan(tasks))


@pytest.mark.parametrize(
    ("tasks", "value", "words"),
    [
        ([task(100), task(100)], "100", "twice"),
        ([task(100), task(200), task(200, cleanup=True)], "200", "twice"),
        ([task(100, on(100))], "100 → 100", "circle"),
        ([task(100, beside=on(100))], "100 → 100", "circle"),
        ([task(100, on(150))], "150", "not there"),
        ([task(100, beside=on(150))], "150", "not there"),
        ([task(100, on(5000)), task(5000, cleanup=True)], "5000", "not there"),
    ],
)
def test_a_definition_that_cannot_be_run_is_refused(tasks: list[TaskDefinition], value: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        plan(tasks)
    assert (refused.value.context, refused.value.value) == ("task", value)
    assert words in refused.value.explanation


@pytest.mark.parametrize(
    "tasks",
    [
        [task(100, on(200)), task(200, PREVIOUS)],
        [task(100, on(300)), task(200), task(300, beside=on(100))],
        [task(100, on(400)), task(200, PREVIOUS), task(300, PREVIOUS), task(400, PREVIOUS)],
    ],
)
def test_steps_that_wait_for_each_other_are_refused_by_name(tasks: list[TaskDefinition]) -> None:
    with pytest.raises(Invalid, match="circle") as refused:
        plan(tasks)
    circle = (refused.value.value or "").split(" → ")
    assert circle[0] == circle[-1] and "100" in circle and len(circle) >= 3


def test_shape_import_without_signals_runs_in_a_row() -> None:
    assert waves(SHAPE_IMPORT) == [{100}, {200}, {300}, {400}, {1000}]


def test_shape_import_checks_the_media_while_it_is_transferred() -> None:
    job = Progress(SHAPE_IMPORT)
    job.end(100)
    assert job.running == {200}
    job.signal(200)
    assert job.running == {200, 300}
    job.end(300)
    assert job.running == {200, 400}
    job.end(200)
    assert job.running == {400}
    job.end(400)
    job.end(1000)
    assert job.started == [100, 200, 300, 400, 1000]


def test_shape_import_transfers_already_while_it_is_set_up() -> None:
    job = Progress(SHAPE_IMPORT)
    job.signal(100)
    job.signal(200)
    assert job.running == {100, 200, 300}
    job.end(200, 300)
    assert job.running == {100, 400}


def test_placeholder_import_without_signals() -> None:
    alone = [545, 600, 700, 800, 850, 852, 855, 860, 870, 875, 900, 1000, 1090, 1100]
    assert waves(PLACEHOLDER_IMPORT) == [{100}, {200}, {300, 400}, {500}, {540}, *({step} for step in alone)]


def test_placeholder_import_with_signals() -> None:
    job = Progress(PLACEHOLDER_IMPORT)
    job.end(100)
    job.signal(200)
    assert job.running == {200, 400}
    job.end(400)
    assert job.running == {200, 500}
    job.signal(500)
    assert job.running == {200, 500, 540}
    job.end(200)
    assert job.running == {300, 500, 540}
    job.end(500)
    assert job.running == {300, 540}
    job.end(540)
    job.end(545)
    job.signal(600)
    assert job.running == {300, 600, 700}
    job.end(600, 700)
    job.end(800)
    assert job.running == {300}, "all previous waits for those that run in parallel too"
    job.end(300)
    assert job.running == {850}


def in_a_circle(tasks: Sequence[TaskDefinition]) -> bool:
    graph = {
        step.step: (named(tasks, step, step.dependency) or set())
        | (named(tasks, step, step.parallel_dependency) or set())
        for step in tasks
        if not step.cleanup
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        return True
    return False


@st.composite
def definitions(draw: st.DrawFn) -> list[TaskDefinition]:
    """Make up to eight steps that depend on each other anyhow, circles included, and clean-up steps between them."""
    numbers = draw(st.lists(st.integers(1, 30), unique=True, max_size=8))
    cleanup = {number for number in numbers if draw(st.integers(0, 5)) == 0}
    steps = [number for number in numbers if number not in cleanup]
    # Mostly on an earlier step, so that most graphs are without a circle.
    dependencies: Callable[[int], st.SearchStrategy[Dependency]] = lambda number: st.builds(  # noqa: E731
        Dependency,
        step=st.sampled_from([0, 0, *([other for other in steps if other < number] * 4), *steps]).map(StepNumber),
        previous=st.booleans(),
        all_previous=st.sampled_from([False, False, True]),
    )
    return [
        task(
            number,
            draw(dependencies(number)),
            draw(st.just(NONE) | dependencies(number)),
            cleanup=number in cleanup,
        )
        for number in numbers
    ]


@given(tasks=definitions(), data=st.data())
def test_in_any_order_of_ends_each_step_starts_once_and_exactly_when_it_may(
    tasks: list[TaskDefinition], data: st.DataObject
) -> None:
    if in_a_circle(tasks):
        with pytest.raises(Invalid, match="circle"):
            plan(tasks)
        return
    progress = Progress(tasks)
    steps = {step.step: step for step in tasks if not step.cleanup}
    while True:
        due = {number for number, step in steps.items() if may_start(tasks, step, progress.ended, progress.signalled)}
        assert set(progress.started) == due
        assert len(progress.started) == len(due)
        if not progress.running:
            break
        number = data.draw(st.sampled_from(sorted(progress.running)))
        if number not in progress.signalled and data.draw(st.booleans()):
            progress.signal(number)
        else:
            progress.end(number)
    assert progress.ended == set(steps)
