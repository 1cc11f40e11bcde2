"""``vidijob problem …``: why jobs wait, and what to do about it, on a server that is reached by its URL."""

from __future__ import annotations

from typing import Any

import click

from vidijob.cli import completing, showing
from vidijob.cli.profiles import connection, required
from vidijob.cli.remote import JSON, ask, part
from vidijob.cli.showing import forms

_id = click.argument("id", shell_complete=completing.problem_ids)
_job = click.option(
    "--job", metavar="ID", shell_complete=completing.job_ids, help="Only for this one of the jobs that wait."
)


@click.group()
def problem() -> None:
    """Problems: why jobs wait; try again now, or let the jobs fail."""


@problem.command("list")
@click.option("--job", metavar="ID", shell_complete=completing.job_ids, help="Only those that this job waits for.")
@forms
@connection
def list_problems(job: str | None, accept: str | None, **where: Any) -> None:
    """Show what jobs wait for."""
    path = "/job/problem" if job is None else f"/job/{part(job)}/problem"
    reply = ask(required(**where), lambda remote: remote.call("GET", path, accept=accept or JSON))
    if accept is not None:
        showing.document(reply)
        return
    found = reply.document.get("problem", ())
    if not found and showing.is_terminal():
        click.echo("No job waits for anything.")
        return
    showing.table(
        ("problem", "type", "about", "why", "jobs"),
        [
            (
                one["id"],
                one["type"],
                ", ".join(f"{pair['key']}={pair['value']}" for pair in one.get("data", ()) if pair["key"] != "reason"),
                " ".join(pair["value"] for pair in one.get("data", ()) if pair["key"] == "reason"),
                _some(one.get("job", ())),
            )
            for one in found
        ],
    )


def _some(jobs: list[str]) -> str:
    return ", ".join(jobs[:5]) + (f" and {len(jobs) - 5} more" if len(jobs) > 5 else "")


@problem.command()
@_id
@_job
@connection
def retry(id: str, job: str | None, **where: Any) -> None:
    """Let the jobs that wait for a problem try again at once."""
    ask(required(**where), lambda remote: remote.call("POST", f"{_path(id, job)}/retry"))
    click.echo(f"{job or 'The jobs'} of problem {id} {'tries' if job else 'try'} again.")


@problem.command()
@_id
@_job
@connection
def fail(id: str, job: str | None, **where: Any) -> None:
    """Let the jobs that wait for a problem fail."""
    ask(required(**where), lambda remote: remote.call("POST", f"{_path(id, job)}/fail"))
    click.echo(f"{job or 'The jobs'} of problem {id} {'fails' if job else 'fail'}.")


def _path(id: str, job: str | None) -> str:
    return f"/job/problem/{part(id)}" if job is None else f"/job/{part(job)}/problem/{part(id)}"
