"""How one job looks on a terminal: facts, errors first, log, data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click
from rich.text import Text

from vidijob.cli import showing


def show_job(job: Mapping[str, Any]) -> None:
    """Print a job document with its data."""
    data = [(pair["key"], pair["value"]) for pair in job.get("data", ())]
    if not showing.is_terminal():
        _plain(job, data)
        return
    out = showing.console()
    out.print(
        Text(job["jobId"], style="bold"),
        Text(job["type"]),
        showing.coloured(job["status"]),
        Text(f"{job['priority']}, of {showing.printable(job.get('user'))}"),
    )
    for line in _facts(job, data):
        out.print(Text(showing.printable(line)), soft_wrap=True)
    for error in _errors(job, data):
        out.print(Text(error, style="red"), soft_wrap=True)
    if tasks := job.get("log", {}).get("task"):
        showing.table(("step", "try", "state", "at", "progress", "what it does"), [_row(task) for task in tasks])
    if data:
        showing.table(("data", "value"), data, states="")


def _plain(job: Mapping[str, Any], data: list[tuple[str, str]]) -> None:
    facts = ("jobId", "type", "status", "priority", "user", "started", "finished")
    showing.table(("fact", "value"), [(name, job[name]) for name in facts if job.get(name)])
    showing.table(("data", "key", "value"), [("data", key, value) for key, value in data])
    showing.table(
        ("task", "step", "try", "state", "at", "progress", "what"),
        [("task", *_row(task)) for task in job.get("log", {}).get("task", ())],
    )


def _facts(job: Mapping[str, Any], data: list[tuple[str, str]]) -> list[str]:
    lines = [f"submitted {showing.moment(job.get('started'))}, {showing.ago(job.get('started'))} ago"]
    if job.get("finished"):
        lines.append(f"ended {showing.moment(job['finished'])}, {showing.ago(job['finished'])} ago")
    elif step := job.get("currentStep"):
        lines.append(f"at step {step['number']} of {job.get('totalSteps', '?')}: {step.get('description', '')}")
    if waiting := job.get("waiting"):
        lines.append(f"waits: {waiting.get('requirement') or waiting.get('resourceType')}")
    lines += [f"aborted because: {value}" for key, value in data if key == "abortReason"]
    return lines


def _errors(job: Mapping[str, Any], data: list[tuple[str, str]]) -> list[str]:
    said = [value for key, value in data if key == "errorMessage"]
    said += [task["errorMessage"] for task in job.get("log", {}).get("task", ()) if task.get("errorMessage")]
    return [showing.printable(line) for text in dict.fromkeys(said) for line in text.splitlines() if line]


def _row(task: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        task["step"],
        task["attempts"] + 1,
        task["status"],
        showing.moment(task.get("timestamp")),
        progress(task),
        task.get("description", ""),
    )


def progress(task: Mapping[str, Any]) -> str:
    """Return how far a task is, in percent where that can be told."""
    told = share(task)
    if told is not None:
        return f"{100 * told:.0f} %"
    value = task.get("progress", {}).get("value")
    return "" if value is None else f"{value:g}"


def share(task: Mapping[str, Any]) -> float | None:
    """Return how much of a task is done, from 0 to 1; ``None``: it does not say."""
    told = task.get("progress")
    if not told or "value" not in told:
        return None
    total = told.get("total") or (100 if told.get("unit") == "percent" else 0)
    return min(max(float(told["value"]) / float(total), 0.0), 1.0) if total else None


def say(line: str) -> None:
    """Print a line of news."""
    click.echo(showing.printable(line))
