"""Where a step is carried out: by a worker of ours or, as its definition's metadata says (``placement=dask``), on the
workers of a cluster. Pure.

A placed step goes by an executor of another name, ``dask:media``, so that only a worker that offers this takes it; what it
needs is then the business of the cluster, not of that worker.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from vidijob.errors import Invalid
from vidijob.jobs import resources
from vidijob.jobs.model import TaskDefinition

#: The key of a task definition's metadata, and the one value that it has.
KEY = "placement"
DASK = "dask"

_PREFIX = f"{DASK}:"
#: What cannot be placed, and why.
_HERE = {
    "http": "it goes to an engine elsewhere as it is",
    "script": "what it waits for, and its login, are in the database, which a cluster does not reach",
}


def may_be_placed(executor: str) -> bool:
    """Tell whether steps of an executor can be carried out on a cluster."""
    return executor not in _HERE


def check(executor: str, metadata: Mapping[str, str]) -> None:
    """Raise ``Invalid`` for a placement that means nothing."""
    placement = metadata.get(KEY)
    if placement is None:
        return
    if placement != DASK:
        raise Invalid(KEY, f"The placement of a step is {DASK}, or is left out.", value=placement[:100])
    if not may_be_placed(executor):
        raise Invalid(KEY, f"A step of the executor {executor} cannot be placed: {_HERE[executor]}.", value=placement)


def placed(task: TaskDefinition) -> TaskDefinition:
    """Return a task definition as it is run: under the name of the cluster's executor, where that is where it goes."""
    if task.metadata.get(KEY) != DASK or not may_be_placed(task.executor):
        return task
    return replace(task, executor=placed_name(task.executor))


def placed_name(executor: str) -> str:
    """Return the name under which steps of an executor go to the cluster."""
    return _PREFIX + executor


def is_placed(executor: str) -> bool:
    """Tell whether a name is that of steps which go to the cluster."""
    return executor.startswith(_PREFIX)


def needs(task: TaskDefinition) -> dict[str, float]:
    """Return what a step as it is run uses up of the worker that takes it."""
    return {} if is_placed(task.executor) else resources.needs(task.metadata)
