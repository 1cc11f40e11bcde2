"""The job types that we ship, as data: the names of the spec, in its order. How a step is carried out is not known here.

The numbers and words of the steps follow those of real servers (contract 9): 100 setting up, 200 transfer, 300 media check
of the source, 600 transcode, 700 media check of the result, 800 finalizing, 5000 cleaning up.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from vidijob.jobs.model import Dependency, JobType, StepNumber, TaskDefinition

_CLEAN_UP = 5000


def _chain(executor: str, *steps: tuple[int, str, str]) -> tuple[TaskDefinition, ...]:
    """Return steps (number, description, method) of which each waits for the one before it, and the clean-up at the end."""
    first, *others = steps
    return (
        TaskDefinition(StepNumber(first[0]), first[1], executor, first[2], Dependency(all_previous=True)),
        *(TaskDefinition(StepNumber(step), text, executor, do, Dependency(previous=True)) for step, text, do in others),
        TaskDefinition(StepNumber(_CLEAN_UP), "Cleaning up", executor, "cleanUp", cleanup=True),
    )


_TASKS: Mapping[str, tuple[TaskDefinition, ...]] = {
    "TRANSCODE": _chain(
        "media",
        (100, "Setting up", "setUp"),
        (300, "Performing media check", "checkSource"),
        (600, "Transcoding", "transcode"),
        (700, "Performing media check of the result", "checkResult"),
        (800, "Finalizing", "finish"),
    ),
    "COPY_FILE": _chain(
        "file",
        (100, "Setting up", "setUp"),
        (200, "Transferring content", "transfer"),
        (400, "Verifying content", "verify"),
        (800, "Finalizing", "finish"),
    ),
}

#: Every job type of the spec, in its order, and what it is for.
DESCRIPTIONS: Mapping[str, str] = MappingProxyType(
    {
        "NONE": "Not used.",
        "IMPORT": "Not used.",
        "PLACEHOLDER_IMPORT": "Import a file into an existing or a new item.",
        "RAW_IMPORT": "Import the essence that the request itself carries.",
        "AUTO_IMPORT": "Import what an auto-import rule has found.",
        "SHAPE_IMPORT": "Import a file as a shape of an item.",
        "SIDECAR_IMPORT": "Import a sidecar file, such as subtitles, to an existing item.",
        "ESSENCE_VERSION": "Import a new version of an item's essence.",
        "TRANSCODE": "Transcode a file with one or several presets.",
        "TRANSCODE_RANGE": "Transcode a part of a file.",
        "CONFORM": "Make one file of the ranges of a sequence.",
        "TIMELINE": "Make one file of a timeline.",
        "THUMBNAIL": "Make thumbnails and posters.",
        "ANALYZE": "Measure picture and sound.",
        "SHAPE_UPDATE": "Read the technical facts of a shape again.",
        "RAW_TRANSCODE": "Send a job to the transcoder as it is.",
        "EXPORT": "Copy to a place outside.",
        "COPY_FILE": "Copy a file and keep track of the copy.",
        "MOVE_FILE": "Move a file.",
        "DELETE_FILE": "Delete a file.",
        "LIST_ITEMS": "Make a report of items.",
        "FILE_ANALYZE": "Find out what a file holds.",
        "IMF_ANALYZE": "Find out what an IMF package holds.",
    }
)

#: Types that are listed, as the spec does, and never run.
UNUSED = frozenset({"NONE", "IMPORT"})

#: The job types by name, in the spec's order; those without tasks cannot be submitted.
JOB_TYPES: Mapping[str, JobType] = MappingProxyType(
    {name: JobType(name, _TASKS.get(name, ())) for name in DESCRIPTIONS}
)

#: Raised with every change of the types or their steps: a server with an older list leaves those of a newer one alone.
EDITION = 1

#: Job data that steps write; a job that is run again finds it out anew.
RESULTS = frozenset(
    {
        "abortReason",
        "checksum",
        "checksumAlgorithm",
        "duration",
        "errorMessage",
        "fileSize",
        "fileUri",
        "mediaInfo",
        "outputDuration",
        "outputMediaInfo",
        "rerunOf",
        "transcodeProgress",
        "transcodeWallTime",
    }
)


def is_result(key: str) -> bool:
    """Tell whether a key of job data is written by steps, not by whoever submits the job."""
    return key in RESULTS or key.startswith(("errorMessage-", "progress-", "vidijob_"))
