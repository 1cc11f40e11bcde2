"""``vidijob job …``: what is done with jobs, on a server that is reached by its URL."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import click

from vidijob.cli import completing, exits, showing, watching
from vidijob.cli.jobpage import show_job
from vidijob.cli.profiles import connection, required
from vidijob.cli.remote import JSON, Remote, Reply, ask, part
from vidijob.cli.showing import forms
from vidijob.errors import Invalid
from vidijob.jobs.model import Priority
from vidijob.jobs.states import JobState

#: A submission has a key, so it may be repeated for so many seconds until it is answered.
_PATIENCE = 10.0

_id = click.argument("id", shell_complete=completing.job_ids)
_ids = click.argument("ids", metavar="ID...", nargs=-1, required=True, shell_complete=completing.job_ids)
_priorities = click.Choice([one.value for one in Priority], case_sensitive=False)
_patience = click.option(
    "--patience", type=click.FloatRange(min=0), default=300.0, show_default=True,
    help="For so many seconds a server that does not answer is waited for.",
)  # fmt: skip
_timeout = click.option(
    "--timeout", type=click.FloatRange(min=0), help="Watch for so many seconds at most, then end with code 9."
)
_watch = click.option("--watch", is_flag=True, help="Watch it to its end, and end with the code of its result.")


@click.group(epilog=exits.in_words())
def job() -> None:
    """Jobs: list, show, watch, submit, abort, run again, delete."""


@job.command("list")
@click.option(
    "--state", "states", multiple=True, type=click.Choice([one.value for one in JobState], case_sensitive=False)
)
@click.option("--type", "types", multiple=True, shell_complete=completing.job_types, help="Repeatable, as --state.")
@click.option("--priority", "priorities", multiple=True, type=_priorities)
@click.option("--mine", is_flag=True, help="Only those of the user who is logged in.")
@click.option("--of", "owner", metavar="USER", help="Only those of this user; needs the role _job_search.")
@click.option("--data", "data", multiple=True, metavar="KEY=VALUE", help="Of job data; * stands for anything.")
@click.option(
    "--sort", metavar="FIELD", help="startTime, finishTime, state, type, user, priority or jobId; 'FIELD desc'."
)
@click.option("--number", type=click.IntRange(min=0), default=25, show_default=True, help="How many.")
@click.option("--first", type=click.IntRange(min=1), default=1, show_default=True, help="Which is the first one.")
@forms
@connection
def list_jobs(
    states: Sequence[str],
    types: Sequence[str],
    priorities: Sequence[str],
    mine: bool,
    owner: str | None,
    data: Sequence[str],
    sort: str | None,
    number: int,
    first: int,
    accept: str | None,
    **where: Any,
) -> None:
    """Show jobs, the newest first."""
    query = [("user", str(mine).lower()), ("number", str(number)), ("first", str(first))]
    query += [("sort", sort or "jobId desc")]
    for name, values in (("state", states), ("type", types), ("priority", priorities)):
        query += [(name, ",".join(values))] if values else []
    query += [("jobmetadata", pair) for pair in data]

    async def get(remote: Remote) -> Reply:
        if owner is None:
            return await remote.call("GET", "/job", query=query, accept=accept or JSON)
        asked = {"facetFilter": [{"field": "user", "value": owner}]}
        return await remote.call("PUT", "/job/search", query=query, body=asked, accept=accept or JSON)

    reply = ask(required(**where), get)
    if accept is not None:
        showing.document(reply)
        return
    found = reply.document
    showing.table(
        ("id", "type", "state", "priority", "user", "started", "at"),
        [
            (
                one["jobId"], one["type"], one["status"], one["priority"], one.get("user"),
                showing.moment(one.get("started")), _place(one),
            )
            for one in found.get("job", ())
        ],
    )  # fmt: skip
    if showing.is_terminal():
        shown = len(found.get("job", ()))
        click.echo(f"{shown} of {found.get('hits', 0)} jobs." + ("" if shown else " `vidijob job submit` makes one."))


def _place(job: dict[str, Any]) -> str:
    step = job.get("currentStep")
    if exits.has_ended(job["status"]) or step is None:
        return showing.moment(job.get("finished"))
    return f"{step['number']}/{job.get('totalSteps', '?')} {step.get('description', '')}"


@job.command()
@_id
@forms
@connection
def show(id: str, accept: str | None, **where: Any) -> None:
    """Show one job: its data, its log, what went wrong."""
    reply = ask(
        required(**where),
        lambda remote: remote.call("GET", f"/job/{part(id)}", query=[("metadata", "true")], accept=accept or JSON),
    )
    if accept is not None:
        showing.document(reply)
    else:
        show_job(reply.document)


@job.command(epilog=exits.in_words())
@_ids
@_patience
@_timeout
@forms
@connection
def watch(ids: Sequence[str], patience: float, timeout: float | None, accept: str | None, **where: Any) -> None:
    """Watch jobs to their end; the exit code is that of the worst result.

    A server that is started anew meanwhile is waited for. With --json or --xml only the last document of each is printed.
    """
    sys.exit(watching.watch(required(**where), ids, patience=patience, timeout=timeout, accept=accept))


@job.command(epilog=exits.in_words())
@click.argument("type", shell_complete=completing.job_types)
@click.argument("data", metavar="[KEY=VALUE]...", nargs=-1, shell_complete=completing.data_keys)
@click.option("--tag", "tags", multiple=True, help="A preset; repeatable. The same as tag=….")
@click.option("--priority", type=_priorities)
@click.option("--hold", is_flag=True, help="Let it wait until it is released.")
@click.option("--key", help="What marks a repetition of the same order; a new one for each if not given.")
@_watch
@_patience
@_timeout
@forms
@connection
def submit(
    type: str,
    data: Sequence[str],
    tags: Sequence[str],
    priority: str | None,
    hold: bool,
    key: str | None,
    watch: bool,
    patience: float,
    timeout: float | None,
    accept: str | None,
    **where: Any,
) -> None:
    """Submit a job of a TYPE; KEY=VALUE are its data, and a key may stand more than once.

    It prints the id. When the answer is lost it asks again, and there is still one job.
    """
    pairs = [_pair(text) for text in data] + [("tag", tag) for tag in tags]
    query = [("type", type)] + ([("priority", priority)] if priority else []) + ([("holdJob", "true")] if hold else [])
    made = ask(
        server := required(**where),
        lambda remote: remote.call(
            "POST",
            "/job",
            query=query,
            body={"field": [{"key": name, "value": value} for name, value in pairs]},
            accept=JSON if watch else accept or JSON,
            headers={"Idempotency-Key": key or str(uuid4())},
            patience=_PATIENCE,
        ),
    )
    _made(made, server, watch, patience, timeout, accept)


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise click.BadParameter(f"{text} is not key=value.", param_hint="KEY=VALUE")
    return key, value


def _made(reply: Reply, server: Any, watch: bool, patience: float, timeout: float | None, accept: str | None) -> None:
    if watch:
        id = reply.document["jobId"]
        if accept is None:
            click.echo(id)
        sys.exit(watching.watch(server, [id], patience=patience, timeout=timeout, accept=accept))
    if accept is not None:
        showing.document(reply)
    else:
        click.echo(reply.document["jobId"])


@job.command(epilog=exits.in_words())
@_id
@click.option("--priority", type=_priorities, help="Another than that of the first.")
@click.option("--hold", is_flag=True, help="Let it wait until it is released.")
@_watch
@_patience
@_timeout
@forms
@connection
def rerun(
    id: str,
    priority: str | None,
    hold: bool,
    watch: bool,
    patience: float,
    timeout: float | None,
    accept: str | None,
    **where: Any,
) -> None:
    """Submit a copy of a job; it prints the new id."""
    query = ([("priority", priority)] if priority else []) + ([("holdJob", "true")] if hold else [])
    made = ask(
        server := required(**where),
        lambda remote: remote.call(
            "POST",
            f"/job/{part(id)}/re-run",
            query=query,
            accept=JSON if watch else accept or JSON,
            headers={"Idempotency-Key": str(uuid4())},
            patience=_PATIENCE,
        ),
    )
    _made(made, server, watch, patience, timeout, accept)


@job.command()
@_ids
@click.option("--reason", help="Why; it stays in the job's data.")
@click.option("--no-cleanup", is_flag=True, help="Without its clean-up steps, where it has not begun.")
@connection
def abort(ids: Sequence[str], reason: str | None, no_cleanup: bool, **where: Any) -> None:
    """Abort jobs."""
    query = ([("reason", reason)] if reason else []) + ([("cleanup", "false")] if no_cleanup else [])

    async def act(remote: Remote, id: str) -> str:
        await remote.call("DELETE", f"/job/{part(id)}", query=query)
        return f"{id} is being aborted."

    _each(ids, act, where)


@job.command()
@_ids
@connection
def release(ids: Sequence[str], **where: Any) -> None:
    """Let jobs be run that were submitted with --hold."""

    async def act(remote: Remote, id: str) -> str:
        await remote.call("POST", f"/job/{part(id)}/release")
        return f"{id} is released."

    _each(ids, act, where)


@job.command()
@_ids
@click.argument("priority", type=_priorities)
@connection
def priority(ids: Sequence[str], priority: str, **where: Any) -> None:
    """Give jobs another PRIORITY."""

    async def act(remote: Remote, id: str) -> str:
        await remote.call("PUT", f"/job/{part(id)}", query=[("priority", priority)])
        return f"{id} has the priority {priority}."

    _each(ids, act, where)


@job.command()
@_ids
@click.option("--yes", is_flag=True, help="Do not ask.")
@connection
def delete(ids: Sequence[str], yes: bool, **where: Any) -> None:
    """Delete jobs that have ended, with all that is known of them: all of these, or none."""
    if any("," in id for id in ids):
        raise Invalid("id", "An id has no comma; several are separated by blanks.")
    if showing.is_terminal() and not yes:
        click.confirm(f"Delete {', '.join(ids)} for good?", abort=True)
    ask(required(**where), lambda remote: remote.call("DELETE", "/job", query=[("id", ",".join(ids))]))
    click.echo(f"Deleted: {', '.join(ids)}.")


def _each(ids: Sequence[str], act: Any, where: dict[str, Any]) -> None:
    """Do something with each; one that is refused keeps nobody else back, and the worst code counts."""

    async def all_of_them(remote: Remote) -> int:
        worst = 0
        for id in ids:
            try:
                click.echo(await act(remote, id))
            except exits.Failure as failure:
                failure.show()
                worst = max(worst, failure.exit_code)
        return worst

    sys.exit(ask(required(**where), all_of_them))
