"""What the executors of this program can do, by name: known also where none of them is built (a server without workers)."""

from __future__ import annotations

from collections.abc import Mapping

from vidijob.jobs.catalogue import JOB_TYPES


def _of_the_catalogue() -> dict[str, frozenset[str]]:
    tasks = [task for kind in JOB_TYPES.values() for task in kind.tasks]
    return {
        bean: frozenset(task.method for task in tasks if task.executor == bean)
        for bean in dict.fromkeys(task.executor for task in tasks)
    }


#: Executor → its methods: those of the shipped job types, and those of job types of one's own.
METHODS: Mapping[str, frozenset[str]] = {
    **_of_the_catalogue(),
    "script": frozenset({"run"}),
    "shell": frozenset({"run"}),
    "http": frozenset({"post"}),
    # Of jobs that come through another face with steps of their own.
    "task": frozenset({"run"}),
}
