"""Where the steps of a job type are drawn: layers from top to bottom, so that every line goes down and none runs through
a box. Pure numbers; how it looks is in ``drawing``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.model import StepNumber

#: How often the layers are put in a better order.
_SWEEPS = 8


class Edge(NamedTuple):
    """One step waits for another."""

    before: StepNumber
    after: StepNumber
    #: For its signal; else for its end.
    parallel: bool


class Place(NamedTuple):
    """Where something is: the layer from above, and the place in it, counted from its middle."""

    layer: int
    across: float


@dataclass(frozen=True, slots=True)
class Layout:
    """Where every step is, and which places each line passes, from its first step to its second."""

    steps: Mapping[StepNumber, Place]
    lines: Mapping[Edge, Sequence[Place]]

    @property
    def layers(self) -> int:
        """Return how many layers there are."""
        return 1 + max((place.layer for place in self.steps.values()), default=-1)

    @property
    def width(self) -> float:
        """Return how many places the widest layer takes."""
        passed = [place for line in self.lines.values() for place in line]
        return 1 + 2 * max((abs(place.across) for place in (*self.steps.values(), *passed)), default=-0.5)


def edges(steps: Sequence[PlannedStep]) -> list[Edge]:
    """Return who waits for whom, without what follows from the rest: of three steps in a row, the third does not wait for
    the first as well."""
    ends: dict[StepNumber, set[StepNumber]] = {step.task.step: set() for step in steps}
    signals: dict[StepNumber, set[StepNumber]] = {step.task.step: set() for step in steps}
    for step in steps:
        for after in step.unlocks:
            ends[after].add(step.task.step)
        for after in step.unlocks_parallel:
            signals[after].add(step.task.step)
    # Whose signals are all it takes: their ends say nothing more.
    quick = {number for number in signals if signals[number] and signals[number] <= ends[number]}
    for number in quick:
        ends[number] = set()
    over: dict[StepNumber, frozenset[StepNumber]] = {}
    ways_in = {step.task.step: step for step in steps}
    for number in _in_order(steps, ends, signals):
        ways = []
        if ways_in[number].waiting is not None and number not in quick:
            ways.append(ends[number].union(*(over[other] for other in ends[number])))
        if ways_in[number].waiting_parallel is not None:
            ways.append(set[StepNumber]().union(*(over[other] for other in signals[number])))
        # What is certain to have ended when this one starts, whichever way it starts.
        over[number] = frozenset(set.intersection(*ways)) if ways else frozenset()
    return [
        Edge(before, number, parallel)
        for parallel, waits in ((False, ends), (True, signals))
        for number in sorted(waits)
        for before in sorted(waits[number])
        if not any(before in over[other] for other in waits[number])
    ]


def layout(steps: Sequence[PlannedStep]) -> Layout:
    """Place the steps that make the graph; clean-up steps, which wait for nobody, are not placed."""
    lines = edges(steps)
    layer: dict[StepNumber, int] = {}
    before: dict[StepNumber, set[StepNumber]] = {step.task.step: set() for step in steps if not step.task.cleanup}
    for edge in lines:
        before[edge.after].add(edge.before)
    for number in _in_order(steps, before, {}):
        if number in before:
            layer[number] = 1 + max((layer[other] for other in before[number]), default=-1)
    # A line that passes a layer takes a place in it, as if it were a box.
    chains = {
        edge: [edge.before, *((edge, at) for at in range(layer[edge.before] + 1, layer[edge.after])), edge.after]
        for edge in lines
    }
    rows: list[list[object]] = [[] for _ in range(1 + max(layer.values(), default=-1))]
    for number in sorted(layer):
        rows[layer[number]].append(number)
    for chain in chains.values():
        for at, item in enumerate(chain[1:-1], layer[chain[0]] + 1):  # type: ignore[index]
            rows[at].append(item)
    _untangle(rows, list(chains.values()))
    places = {
        item: Place(at, index - (len(row) - 1) / 2) for at, row in enumerate(rows) for index, item in enumerate(row)
    }
    return Layout(
        {number: places[number] for number in layer},
        {edge: [places[item] for item in chain] for edge, chain in chains.items()},
    )


def _in_order(
    steps: Sequence[PlannedStep],
    ends: Mapping[StepNumber, set[StepNumber]],
    signals: Mapping[StepNumber, set[StepNumber]],
) -> Iterator[StepNumber]:
    """Give the steps so that each comes after those it waits for."""
    waiting = [step.task.step for step in steps]
    done: set[StepNumber] = set()
    while waiting:
        ready = [number for number in waiting if ends.get(number, set()) | signals.get(number, set()) <= done]
        yield from ready
        done.update(ready)
        waiting = [number for number in waiting if number not in done]


def _untangle(rows: list[list[object]], chains: Sequence[Sequence[object]]) -> None:
    """Put each row in the order of the middle of what its items are joined to, from above and from below in turn."""
    above: dict[object, list[object]] = {}
    below: dict[object, list[object]] = {}
    for chain in chains:
        for upper, lower in pairwise(chain):
            above.setdefault(lower, []).append(upper)
            below.setdefault(upper, []).append(lower)
    for sweep in range(_SWEEPS):
        joined, order = (above, rows[1:]) if sweep % 2 == 0 else (below, rows[-2::-1])
        where = {item: index - len(row) / 2 for row in rows for index, item in enumerate(row)}
        for row in order:
            middles = {
                item: sum(where[other] for other in joined[item]) / len(joined[item]) if item in joined else where[item]
                for item in row
            }
            row.sort(key=middles.__getitem__)
            where.update({item: index - len(row) / 2 for index, item in enumerate(row)})
