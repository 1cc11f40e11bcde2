"""What an administrator may define: names and ids of job types, task definitions, and all those of one type together.
Pure; what is refused is said with the wire's name of the element.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from vidijob.errors import Invalid
from vidijob.jobs import placement, remote, resources
from vidijob.jobs.catalogue import UNUSED
from vidijob.jobs.graph import plan
from vidijob.jobs.model import SCRIPT, Dependency, TaskDefinition

#: The ids of types that an administrator makes (contract 1.4).
OWN_IDS = range(20_000, 30_001)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
#: In lists of types it means all of them.
_ALL = "all"
#: A type with more steps would take long to check, and longer to run.
_MOST_TASKS = 200
_LAST_STEP = 32_767
_LARGEST_FLAGS = 2**63 - 1
_LONGEST = {"description": 1000, "bean": 200, "method": 200, "extradata": 10_000, "script": 1_000_000}
_MOST_KEYS = 100
#: What a definition says of retries: the form of the value, the largest, and both in words.
_RETRY_SETTINGS = {
    "retries": (r"\d{1,4}", 1000, "how often a failed step is tried again: a whole number from 0 to 1000"),
    "retryDelay": (r"\d{1,5}(\.\d{1,6})?", 86_400, "how long it waits before it is: seconds, from 0 to 86400"),
    "timeout": (
        r"\d{1,7}(\.\d{1,6})?",
        2_592_000,
        "how long one try may take: seconds, up to 2592000, or 0 for as long as it takes",
    ),
}
_LONGEST_KEY, _LONGEST_VALUE = 200, 10_000


def check_type_name(name: str) -> None:
    """Raise ``Invalid`` for a name that no type should have."""
    if not _NAME.fullmatch(name) or name.lower() == _ALL:
        raise Invalid(
            "jobtype",
            "The name of a job type is 1 to 100 letters, digits, '_', '.' and '-', begins with a letter or '_', and is "
            "not 'all'; VENDOR_TYPE is usual.",
            value=name[:100],
        )


def check_type_id(id: int) -> None:
    """Raise ``Invalid`` for an id that is not free for types of one's own."""
    if id not in OWN_IDS:
        raise Invalid("id", f"The id of a job type is a number from {OWN_IDS[0]} to {OWN_IDS[-1]}.", value=str(id))


def check_task(task: TaskDefinition) -> None:
    """Raise ``Invalid`` for a task definition that makes no sense by itself."""
    _check_number("step", task.step, 1, _LAST_STEP)
    if task.flags is not None:
        _check_number("flags", task.flags, 0, _LARGEST_FLAGS)
    for name, dependency in (("dependency", task.dependency), ("parallelDependency", task.parallel_dependency)):
        _check_dependency(name, dependency, task)
    if task.script is not None:
        _check_text("script", task.script, needed=True)
        if (task.executor, task.method) != SCRIPT or task.plugin is not None:
            raise Invalid("script", f"Step {task.step} has both a script and a bean; it takes one of the two.")
    else:
        _check_text("bean", task.executor, needed=True)
        _check_text("method", task.method, needed=True)
        if task.executor == SCRIPT[0]:
            raise Invalid("bean", f"The bean {SCRIPT[0]} is that of scripts; give the script instead.", value=SCRIPT[0])
    _check_text("description", task.description)
    _check_text("extradata", task.extradata or "")
    check_metadata(task)
    resources.needs(task.metadata)


def check_metadata(task: TaskDefinition) -> None:
    """Raise ``Invalid`` for keys and values that are too many or too long, and for settings that mean nothing."""
    if len(task.metadata) > _MOST_KEYS:
        raise Invalid("metadata", f"A task definition takes at most {_MOST_KEYS} keys.")
    for key, value in task.metadata.items():
        if not key.strip() or len(key) > _LONGEST_KEY or len(value) > _LONGEST_VALUE or "\x00" in key + value:
            raise Invalid(
                "metadata",
                f"A key is 1 to {_LONGEST_KEY} characters, a value at most {_LONGEST_VALUE}, none of them NUL.",
                value=key[:_LONGEST_KEY].replace("\x00", "\N{SYMBOL FOR NULL}"),
            )
    for key, (form, most, meaning) in _RETRY_SETTINGS.items():
        text = task.metadata.get(key)
        if text is not None and not (re.fullmatch(form, text, re.ASCII) and float(text) <= most):
            raise Invalid("metadata", f"Step {task.step}: {key} is {meaning}.", value=text[:_LONGEST_KEY])
    placement.check(task.executor, task.metadata)
    if task.executor == remote.EXECUTOR:
        remote.check(task.metadata)


def check_together(job_type: str, tasks: Sequence[TaskDefinition]) -> None:
    """Raise ``Invalid`` for task definitions that do not make one type: a step twice, a circle, a step that is missing."""
    if job_type in UNUSED and tasks:
        raise Invalid(
            "jobType", f"The job type {job_type} is listed and never used; it takes no steps.", value=job_type
        )
    if len(tasks) > _MOST_TASKS:
        raise Invalid("jobType", f"A job type takes at most {_MOST_TASKS} task definitions.", value=job_type)
    plan(tasks)


def _check_dependency(name: str, dependency: Dependency, task: TaskDefinition) -> None:
    _check_number(f"{name}/step", dependency.step, 0, _LAST_STEP)
    if dependency.step == task.step:
        raise Invalid(name, f"Step {task.step} waits for itself.", value=str(task.step))


def _check_number(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise Invalid(name, f"{name} is a number from {least} to {most}.", value=str(number))


def _check_text(name: str, text: str, *, needed: bool = False) -> None:
    if needed and not text.strip():
        raise Invalid(name, f"{name} must not be empty.")
    if len(text) > _LONGEST[name] or "\x00" in text:
        raise Invalid(name, f"{name} has at most {_LONGEST[name]} characters, none of them NUL.")
