"""The graph of a job type as text and as a picture."""

from __future__ import annotations

import random
import re
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from vidijob.jobs.catalogue import JOB_TYPES
from vidijob.jobs.drawing import dot, svg
from vidijob.jobs.graph import PlannedStep, plan
from vidijob.jobs.layout import Edge, Layout, edges, layout
from vidijob.jobs.model import Dependency, JobType, StepNumber, TaskDefinition

SVG = "{http://www.w3.org/2000/svg}"
NONE = Dependency()
PREVIOUS = Dependency(previous=True)
ALL = Dependency(all_previous=True)
HOSTILE = '<script>"\'&]]>\\n\\"};\x00\x0b\x1b\n\ud800\ufffe\U0001f4a5'


def after(step: int) -> Dependency:
    return Dependency(step=StepNumber(step))


def task(
    step: int,
    dependency: Dependency = NONE,
    parallel: Dependency = NONE,
    *,
    cleanup: bool = False,
    critical: bool = True,
) -> TaskDefinition:
    return TaskDefinition(
        StepNumber(step), f"Step {step}", "test", "work", dependency, parallel, cleanup=cleanup, critical=critical
    )


def pairs(*tasks: TaskDefinition) -> list[tuple[int, int, bool]]:
    return [(edge.before, edge.after, edge.parallel) for edge in edges(plan(tasks))]


def test_a_chain_has_a_line_from_each_to_the_next() -> None:
    chain = (task(100, ALL), task(200, PREVIOUS), task(300, ALL), task(5000, cleanup=True))
    assert pairs(*chain) == [(100, 200, False), (200, 300, False)]


def test_what_follows_from_the_rest_is_not_drawn() -> None:
    fork = (task(1), task(2, after(1)), task(3, after(1)), task(4, ALL))
    assert pairs(*fork) == [(1, 2, False), (1, 3, False), (2, 4, False), (3, 4, False)]


def test_a_step_that_waits_for_a_signal_may_start_while_the_other_runs() -> None:
    # The third waits for the end of both: the second's start says nothing about the first's end.
    assert pairs(task(1), task(2, NONE, PREVIOUS), task(3, ALL)) == [
        (1, 3, False),
        (2, 3, False),
        (1, 2, True),
    ]


def test_where_the_signal_is_enough_the_end_is_not_drawn_as_well() -> None:
    assert pairs(task(1), task(2, PREVIOUS, PREVIOUS)) == [(1, 2, True)]
    assert pairs(task(1), task(2), task(3, ALL, after(1))) == [(1, 3, True)]


def test_of_two_ways_to_start_only_what_both_ask_for_is_certain() -> None:
    either = (task(1), task(2), task(3, after(1), after(2)), task(4, Dependency(StepNumber(1), previous=True)))
    assert pairs(*either) == [(1, 3, False), (1, 4, False), (3, 4, False), (2, 3, True)]


def test_the_text_for_graphviz() -> None:
    kind = JobType("ACME", (task(100), task(200, PREVIOUS, critical=False), task(5000, cleanup=True)))
    assert dot(kind) == "\n".join(
        [
            'digraph "ACME" {',
            '  label="ACME"; labelloc=t; rankdir=TB;',
            '  node [shape=box, fontname="sans-serif"]; edge [fontname="sans-serif"];',
            '  100 [label="100\\nStep 100\\ntest.work"];',
            '  200 [label="200\\nStep 200\\ntest.work", style="dashed"];',
            '  5000 [label="5000\\nStep 5000\\ntest.work", style="rounded", color=gray];',
            "  100 -> 200;",
            "}",
            "",
        ]
    )
    assert "1 -> 2 [style=dashed, label=parallel];" in dot(JobType("A", (task(1), task(2, NONE, PREVIOUS))))


def hostile() -> JobType:
    described = TaskDefinition(StepNumber(1), HOSTILE, HOSTILE, HOSTILE)
    scripted = TaskDefinition(StepNumber(2), HOSTILE, "script", "run", PREVIOUS, script=HOSTILE)
    return JobType(HOSTILE, (described, scripted))


def test_hostile_words_stay_words() -> None:
    text = dot(hostile())
    # Every string ends where it should: without strings, only our own words are left.
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "S", text.encode("utf-8", "replace").decode())
    assert bare.split("\n") == [
        "digraph S {",
        "  label=S; labelloc=t; rankdir=TB;",
        "  node [shape=box, fontname=S]; edge [fontname=S];",
        "  1 [label=S];",
        "  2 [label=S];",
        "  1 -> 2;",
        "}",
        "",
    ]
    tree = etree.fromstring(svg(hostile()).encode())
    assert {etree.QName(element).localname for element in tree.iter()} == {
        "svg", "style", "text", "path", "g", "title", "rect",
    }  # fmt: skip


@pytest.mark.parametrize("name", JOB_TYPES)
def test_every_shipped_type_has_a_picture(name: str) -> None:
    kind = JOB_TYPES[name]
    tree = etree.fromstring(svg(kind).encode())
    boxes = tree.findall(f".//{SVG}rect")
    assert len(boxes) == len(kind.tasks)
    assert all("\n" not in line or line.endswith("}\n") for line in [dot(kind)[-2:]])
    width, height = float(tree.get("width", 0)), float(tree.get("height", 0))
    for box in boxes:
        assert float(box.get("x", -1)) >= 0 and float(box.get("x", 0)) + float(box.get("width", 0)) <= width
        assert float(box.get("y", -1)) >= 0 and float(box.get("y", 0)) + float(box.get("height", 0)) <= height


def test_clean_up_stands_below_the_rest() -> None:
    tree = etree.fromstring(svg(JobType("A", (task(1), task(2, PREVIOUS), task(9, cleanup=True)))).encode())
    heights = {box.getparent().get("class"): float(box.get("y", 0)) for box in tree.iter(f"{SVG}rect")}  # type: ignore[union-attr]
    assert heights["cleanup"] > heights["step"]


@st.composite
def types(draw: st.DrawFn) -> tuple[TaskDefinition, ...]:
    """Types whose steps wait for earlier ones in any way."""
    numbers = sorted(draw(st.sets(st.integers(1, 60), max_size=14)))
    tasks = []
    for index, number in enumerate(numbers):
        ways = [
            st.builds(
                Dependency,
                st.sampled_from([StepNumber(0), *map(StepNumber, numbers[:index])]),
                st.booleans(),
                st.booleans(),
            )
            for _ in range(2)
        ]
        tasks.append(task(number, draw(ways[0]), draw(ways[1])))
    return tuple(tasks)


def crosses_a_box(placed: Layout, edge: Edge) -> bool:
    boxes = set(placed.steps.values())
    return any(place in boxes for place in placed.lines[edge][1:-1])


@given(types())
@settings(max_examples=200, deadline=None)
def test_lines_go_down_and_through_no_box(tasks: tuple[TaskDefinition, ...]) -> None:
    steps = plan(tasks)
    placed = layout(steps)
    assert set(placed.steps) == {one.step for one in tasks}
    assert len(set(placed.steps.values())) == len(tasks)
    for edge, passed in placed.lines.items():
        assert [place.layer for place in passed] == list(
            range(placed.steps[edge.before].layer, placed.steps[edge.after].layer + 1)
        )
        assert not crosses_a_box(placed, edge)
    for one, other in combinations(placed.steps.values(), 2):
        assert one.layer != other.layer or abs(one.across - other.across) >= 1
    etree.fromstring(svg(JobType("A", tasks)).encode())


@given(types(), st.randoms(use_true_random=False))
@settings(max_examples=300, deadline=None)
def test_the_lines_say_when_each_step_may_start(tasks: tuple[TaskDefinition, ...], chance: random.Random) -> None:
    """Run a type in any order that its graph allows: at every moment the drawn lines let the same steps start."""
    steps = plan(tasks)
    lines = edges(steps)
    started: set[StepNumber] = set()
    signalled: set[StepNumber] = set()
    ended: set[StepNumber] = set()

    def really(step: PlannedStep) -> bool:
        ends = {other.task.step for other in steps if step.task.step in other.unlocks}
        signals = {other.task.step for other in steps if step.task.step in other.unlocks_parallel}
        return (step.waiting is not None and ends <= ended) or (
            step.waiting_parallel is not None and signals <= signalled | ended
        )

    def drawn(step: PlannedStep) -> bool:
        ends = {edge.before for edge in lines if edge.after == step.task.step and not edge.parallel}
        signals = {edge.before for edge in lines if edge.after == step.task.step and edge.parallel}
        ways = [ends <= ended] if ends else []
        ways += [signals <= signalled | ended] if signals else []
        return any(ways) if ways else True

    while len(ended) < len(steps):
        for step in steps:
            if step.task.step not in started:
                assert really(step) == drawn(step)
        running = started - ended
        moves: list[tuple[set[StepNumber], StepNumber]] = [(ended, one) for one in running]
        moves += [(signalled, one) for one in running - signalled]
        moves += [(started, step.task.step) for step in steps if step.task.step not in started and really(step)]
        into, one = chance.choice(sorted(moves, key=lambda move: (id(move[0]) == id(ended), move[1])))
        into.add(one)


def test_a_large_type_is_drawn_in_a_moment() -> None:
    import time

    tasks = [
        task(1),
        *(task(n, ALL if n % 3 else PREVIOUS, after(n - 1) if n % 7 == 0 else NONE) for n in range(2, 201)),
    ]
    began = time.perf_counter()
    assert svg(JobType("A", tuple(tasks))).count("<rect") == 200
    assert time.perf_counter() - began < 3
