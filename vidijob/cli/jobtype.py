"""``vidijob jobtype …``: the pages of the job types that this program ships, which need no server; and the types that a
server has, those of one's own among them, where one is named.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vidijob.cli import completing, profiles, showing
from vidijob.cli.profiles import Server
from vidijob.cli.remote import JSON, XML, ask, part
from vidijob.errors import NotFound
from vidijob.jobs.catalogue import PAGES, Page
from vidijob.jobs.model import Dependency, TaskDefinition


@click.group()
def jobtype() -> None:
    """The job types: what they do, what they take and give, and their steps.

    They are those of the server that is named (--url, --profile, VIDIJOB_URL), else those that this program ships.
    """


@jobtype.command("list")
@showing.forms
@profiles.connection
def list_types(accept: str | None, **where: Any) -> None:
    """Show the job types and what each is for."""
    server = profiles.chosen(**where)
    if server is not None:
        _list_of(server, accept)
        return
    _require_server(accept)
    if accept == JSON:
        click.echo(json.dumps({name: page.summary for name, page in PAGES.items()}, indent=2))
        return
    table = Table("job type", "what it is for", "steps")
    for name, page in PAGES.items():
        table.add_row(name, page.summary, str(len(page.kind.tasks) or "\N{EN DASH}"))
    _console().print(table)


@jobtype.command()
@click.argument("name", shell_complete=completing.job_types)
@showing.forms
@profiles.connection
def show(name: str, accept: str | None, **where: Any) -> None:
    """Show one job type: its data, in and out, its steps, and a call with curl that works as printed.

    Where a server is named, --json and --xml are its task definitions, and the steps shown are those that it has.
    """
    server = profiles.chosen(**where)
    if server is not None:
        _show_of(server, name.upper(), accept)
        return
    _require_server(accept)
    page = PAGES.get(name.upper())
    if page is None:
        raise NotFound("JobType", name)
    if accept == JSON:
        click.echo(json.dumps(_facts(page), indent=2))
    else:
        _show(page)


def _require_server(accept: str | None) -> None:
    if accept == XML:
        raise click.UsageError("--xml is the document of a server: name one with --url or --profile.")


def _list_of(server: Server, accept: str | None) -> None:
    reply = ask(server, lambda remote: remote.call("GET", "/jobtype", accept=accept or JSON))
    if accept is not None:
        showing.document(reply)
        return
    rows = [(name, PAGES[name].summary if name in PAGES else "of this server") for name in reply.document["uri"]]
    showing.table(("job type", "what it is for"), rows)


def _show_of(server: Server, name: str, accept: str | None) -> None:
    path = f"/task-definition/jobtype/{part(name)}"
    reply = ask(server, lambda remote: remote.call("GET", path, accept=accept or JSON))
    if accept is not None:
        showing.document(reply)
        return
    page = PAGES.get(name)
    if page is not None and showing.is_terminal():
        console = _console()
        console.print(Text(page.kind.name, style="bold"), Text(page.summary))
        for title, keys in (("data in", page.takes), ("data out", page.gives)):
            console.print(_table(title, keys))
    rows = [
        (
            task.get("step"),
            task.get("description"),
            "a script" if "script" in task else f"{task.get('bean')} {task.get('method')}",
            "clean-up" if task.get("cleanup") else "" if task.get("critical", True) else "its failure is a warning",
        )
        for task in reply.document.get("task", ())
    ]
    showing.table(("step", "what it does", "carried out by", ""), rows)


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
