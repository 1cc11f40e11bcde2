"""``vidijob jobtype …``: the pages of the job types that this program ships; no server is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vidijob.errors import NotFound
from vidijob.jobs.catalogue import PAGES, Page
from vidijob.jobs.model import Dependency, TaskDefinition

_json = click.option("--json", "as_json", is_flag=True, help="For programs.")


@click.group()
def jobtype() -> None:
    """The job types: what they do, what they take and give, and their steps."""


@jobtype.command("list")
@_json
def list_types(as_json: bool) -> None:
    """Show the job types and what each is for."""
    if as_json:
        click.echo(json.dumps({name: page.summary for name, page in PAGES.items()}, indent=2))
        return
    table = Table("job type", "what it is for", "steps")
    for name, page in PAGES.items():
        table.add_row(name, page.summary, str(len(page.kind.tasks) or "\N{EN DASH}"))
    _console().print(table)


@jobtype.command()
@click.argument("name")
@_json
def show(name: str, as_json: bool) -> None:
    """Show one job type: its data, in and out, its steps, and a call with curl that works as printed."""
    page = PAGES.get(name.upper())
    if page is None:
        raise NotFound("JobType", name)
    if as_json:
        click.echo(json.dumps(_facts(page), indent=2))
    else:
        _show(page)


def _show(page: Page) -> None:
    console = _console()
    console.print(Text(page.kind.name, style="bold"), Text(page.summary))
    if not page.kind.runnable:
        console.print("It is listed, as the API does, and no job of it can be submitted.")
        return
    for title, keys in (("data in", page.takes), ("data out", page.gives)):
        console.print(_table(title, keys))
    steps = Table("step", "what it does", "waits for", "carried out by")
    for place, task in enumerate(page.kind.tasks):
        waits = _waits(task) if place else "\N{EN DASH}"
        steps.add_row(str(task.step), task.description, waits, f"{task.executor} {task.method}")
    console.print(steps)
    console.print("An example, where $API, $LOGIN and $FILES are as in the tour of the README:")
    # Neither wrapped nor coloured: it is there to be copied.
    click.echo(page.example)


def _table(title: str, keys: Mapping[str, str]) -> Table:
    table = Table(title, "meaning")
    for key, text in keys.items():
        table.add_row(key, text)
    return table


def _waits(task: TaskDefinition) -> str:
    if task.cleanup:
        return "the end of the job"
    words = [*_dependency(task.dependency, ""), *_dependency(task.parallel_dependency, ", or its signal")]
    warning = "" if task.critical else " (its failure is a warning)"
    return " or ".join(words) + warning


def _dependency(dependency: Dependency, how: str) -> list[str]:
    if dependency.all_previous:
        return [f"all before it{how}"]
    if dependency.previous:
        return [f"the one before it{how}"]
    return [f"step {dependency.step}{how}"] if dependency.step else []


def _facts(page: Page) -> dict[str, object]:
    return {
        "type": page.kind.name,
        "summary": page.summary,
        "takes": dict(page.takes),
        "gives": dict(page.gives),
        "steps": [
            {"step": task.step, "description": task.description, "bean": task.executor, "method": task.method}
            for task in page.kind.tasks
        ],
        "example": page.example,
    }


def _console() -> Console:
    return Console(highlight=False)
