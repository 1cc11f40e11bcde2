"""Transcodes that are steps of one job: each puts together what some have made or what was there, and makes files, on the executor
``task``. Pure; it does not know whose words they were ordered in.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from vidijob.jobs.graph import PlannedStep, chained
from vidijob.jobs.model import StepNumber, TaskDefinition


@dataclass(frozen=True, slots=True)
class Making:
    """A file that is made."""

    uri: str
    #: As job data of a transcode has it: ``transcodeJob``.
    encoding: str


@dataclass(frozen=True, slots=True)
class Work:
    """One of the steps."""

    number: StepNumber
    name: str
    #: Put together one after the other.
    sources: Sequence[str]
    makes: Sequence[Making]
    #: Whether the job fails where it does.
    critical: bool


def encoding(container: str, height: int | None = None, *, picture: bool = True) -> str:
    """Return what is to be made: AAC, and with a picture H.264, as high as is said or as the source is."""
    size = {} if height is None else {"height": height}
    video = {"video": {"codec": "libx264", "options": {"preset": "veryfast"}, **size}} if picture else {}
    return json.dumps({"container": container, **video, "audio": {"codec": "aac"}})


def steps(works: Sequence[Work]) -> tuple[PlannedStep, ...]:
    """Return the steps; each waits for those that make what it reads. Raises ``Invalid`` where some wait for each other."""
    maker = {made.uri: work.number for work in works for made in work.makes}
    needs = {work.number: {maker[uri] for uri in work.sources if uri in maker} for work in works}
    definitions = [
        TaskDefinition(
            work.number,
            work.name[:200],
            "task",
            "run",
            critical=work.critical,
            metadata={"order": json.dumps([_order(work, made) for made in work.makes])},
        )
        for work in works
    ]
    return chained(definitions, needs)


def _order(work: Work, made: Making) -> dict[str, list[str]]:
    # What an attempt that was killed has left is overwritten.
    return {
        "sourceUri": list(work.sources),
        "destinationUri": [made.uri],
        "transcodeJob": [made.encoding],
        "overwrite": ["true"],
    }
