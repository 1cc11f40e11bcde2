"""The graph of a job type, as text for Graphviz (DOT) and as a picture (SVG) that needs no Graphviz. Pure.

A line is drawn from a step to one that waits for its end, a dashed one to one that waits for its signal. A box with a
dashed frame is a step whose failure does not fail the job; clean-up steps stand apart, at the bottom.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from vidijob.jobs.graph import PlannedStep, plan
from vidijob.jobs.layout import Edge, Place, edges, layout
from vidijob.jobs.model import JobType, StepNumber, TaskDefinition

#: In pixels: a box, and the room between two.
_WIDE, _HIGH = 200, 64
_BETWEEN_X, _BETWEEN_Y = 32, 48
_MARGIN = 24
_TITLE = 32
_LETTERS = 28
_STYLE = (
    "text{font:13px sans-serif;text-anchor:middle;fill:#222}.n{font-weight:bold}.s{font-size:11px;fill:#666}"
    "rect{fill:#fff;stroke:#456;stroke-width:1.5}.soft rect{stroke-dasharray:6 4}.cleanup rect{fill:#f2f2f2;stroke:#999}"
    "path{fill:none;stroke:#456;stroke-width:1.5}.parallel{stroke-dasharray:6 4}.tip{fill:#456;stroke:none}"
)


def dot(kind: JobType) -> str:
    """Return the graph in the language of Graphviz."""
    steps = plan(kind.tasks)
    lines = [
        f"digraph {_quoted(kind.name)} {{",
        f"  label={_quoted(kind.name)}; labelloc=t; rankdir=TB;",
        '  node [shape=box, fontname="sans-serif"]; edge [fontname="sans-serif"];',
    ]
    for step in steps:
        task = step.task
        look = ["rounded"] if task.cleanup else ["dashed"] if not task.critical else []
        style = f', style="{",".join(look)}"' if look else ""
        color = ", color=gray" if task.cleanup else ""
        lines.append(f"  {task.step} [label={_quoted(_label(task))}{style}{color}];")
    lines += [
        f"  {edge.before} -> {edge.after}{' [style=dashed, label=parallel]' if edge.parallel else ''};"
        for edge in edges(steps)
    ]
    return "\n".join([*lines, "}", ""])


def svg(kind: JobType) -> str:
    """Return the graph as a picture."""
    return _picture(plan(kind.tasks), kind.name, f"<style>{_STYLE}</style>", {})


def drawn(steps: Sequence[PlannedStep], marks: Mapping[StepNumber, tuple[str, str]]) -> str:
    """Return steps as a picture for a page that has the style: class ``graph``.

    ``marks`` say of steps how they stand: a class for the box, and words that stand in it instead of who carries it out.
    """
    return _picture(steps, "", "", marks)


def _picture(steps: Sequence[PlannedStep], title: str, style: str, marks: Mapping[StepNumber, tuple[str, str]]) -> str:
    placed = layout(steps)
    cleanup = [step for step in steps if step.task.cleanup]
    rows = placed.layers + len(cleanup)
    width = round(max(placed.width, 1.0) * (_WIDE + _BETWEEN_X) - _BETWEEN_X + 2 * _MARGIN)
    top = _TITLE if title else -_MARGIN + 2
    height = 2 * _MARGIN + top + max(rows * (_HIGH + _BETWEEN_Y) - _BETWEEN_Y, 0) - (0 if title else _MARGIN - 2)
    middle = width / 2
    body = [f'<text class="n" x="{middle:g}" y="{_MARGIN + 12}">{escape(_clean(title))}</text>'] if title else []
    for edge, passed in placed.lines.items():
        body.append(_line(edge, passed, middle, top))
    for step in steps:
        if not step.task.cleanup:
            body += _box(step, placed.steps[step.task.step], middle, top, marks)
    for index, step in enumerate(cleanup):
        body += _box(step, Place(placed.layers + index, 0), middle, top, marks)
    name = "" if style else ' class="graph" role="img" aria-label="The steps, and which waits for which"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg"{name} width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}">{style}{"".join(body)}</svg>\n'
    )


def _box(
    step: PlannedStep, place: Place, middle: float, top: int, marks: Mapping[StepNumber, tuple[str, str]]
) -> Iterator[str]:
    task = step.task
    x, y = _corner(place, middle, top)
    mark, words = marks.get(task.step, ("", _work(task)))
    look = ("cleanup" if task.cleanup else "soft" if not task.critical else "step") + (f" {mark}" if mark else "")
    yield f'<g class="{look}"><title>{escape(_clean(f"{task.step} {task.description}"))}</title>'
    yield f'<rect x="{x:g}" y="{y:g}" width="{_WIDE}" height="{_HIGH}" rx="{12 if task.cleanup else 3}"/>'
    across = x + _WIDE / 2
    texts = [("n", str(task.step)), ("", _short(task.description)), ("s", _short(words))]
    for number, (cls, text) in enumerate(texts):
        yield f'<text class="{cls}" x="{across:g}" y="{y + 18 + 18 * number:g}">{escape(_clean(text))}</text>'
    yield "</g>"


def _line(edge: Edge, passed: Sequence[Place], middle: float, top: int) -> str:
    first, *between, last = passed
    x, y = _corner(first, middle, top)
    points = [(x + _WIDE / 2, y + _HIGH)]
    for place in between:
        x, y = _corner(place, middle, top)
        points += [(x + _WIDE / 2, y), (x + _WIDE / 2, y + _HIGH)]
    x, y = _corner(last, middle, top)
    end = (x + _WIDE / 2, y)
    path = [f"M{points[0][0]:g},{points[0][1]:g}"]
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], (end[0], end[1] - 6)], strict=True):
        bend = (y1 + y2) / 2
        path.append(f"L{x2:g},{y2:g}" if x1 == x2 else f"C{x1:g},{bend:g} {x2:g},{bend:g} {x2:g},{y2:g}")
    name = ' class="parallel"' if edge.parallel else ""
    tip = f"M{end[0] - 4:g},{end[1] - 8:g}L{end[0]:g},{end[1]:g}L{end[0] + 4:g},{end[1] - 8:g}Z"
    return f'<path{name} d="{"".join(path)}"/><path class="tip" d="{tip}"/>'


def _corner(place: Place, middle: float, top: int) -> tuple[float, float]:
    """Return the upper left corner of a box."""
    x = middle + place.across * (_WIDE + _BETWEEN_X) - _WIDE / 2
    return x, _MARGIN + top + place.layer * (_HIGH + _BETWEEN_Y)


def _label(task: TaskDefinition) -> str:
    return "\n".join(line for line in (str(task.step), task.description, _work(task)) if line)


def _work(task: TaskDefinition) -> str:
    """Return who does what in a step."""
    return "script" if task.script is not None else f"{task.executor}.{task.method}"


def _short(text: str) -> str:
    return textwrap.shorten(text, _LETTERS, placeholder="…") if " " in text else text[:_LETTERS]


def _clean(text: str) -> str:
    """Take out what XML cannot carry."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def _quoted(text: str) -> str:
    """Return a string of DOT: a line break is one, nothing else is special."""
    lines = [_clean(line).replace("\\", "\\\\").replace('"', '\\"') for line in text.split("\n")]
    return '"' + "\\n".join(lines) + '"'
