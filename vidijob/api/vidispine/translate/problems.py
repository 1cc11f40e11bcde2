"""Problems → documents."""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.api.vidispine import documents as wire
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Problem


def problem_list(site: str, found: Sequence[Problem]) -> wire.JobProblemListDocument:
    """Return problems with the ids of the jobs that wait; the reason is the last pair of data (ours)."""
    return wire.JobProblemListDocument(
        problem=tuple(
            wire.JobProblem(
                id=problem.id,
                type=problem.type,
                data=tuple(
                    wire.KeyValue(key=key, value=value)
                    for key, value in (*problem.data.items(), ("reason", problem.reason))
                ),
                job=tuple(job_name(site, job) for job in problem.jobs),
            )
            for problem in found
        )
    )
