"""The words by which a job that was made for an upload says which: keys of its data, which nobody else gives; and the step that
takes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.jobs.graph import PlannedStep

#: The URI of the file that came with the request.
UPLOAD = "vidijob_upload"
#: What its sender calls it.
UPLOAD_NAME = "vidijob_upload_name"
#: Its checksum, computed while it came.
UPLOAD_CHECKSUM = "vidijob_upload_checksum"
#: The bean and the method that take it over.
_TAKES = ("ingest", "closeUpload")


def takes_upload(steps: Sequence[PlannedStep]) -> bool:
    """Tell whether a job of these steps is about a file that came with its request, which it moves or throws away."""
    return any((step.task.executor, step.task.method) == _TAKES for step in steps)
