"""What descriptions of operations have in common, and what the names in paths are."""

from __future__ import annotations

from typing import Final

from vidijob.api.vidispine.documents import SimpleMetadataDocument, URIListDocument
from vidijob.jobs.model import Priority
from vidijob.web.operations import Kind, Operation, Parameter, Place

PRIORITIES = tuple(priority.value for priority in Priority)
_FIRST = Parameter("first", Kind.NUMBER, "The number of the first entry, from 1; 0 counts as 1.", 1)
_NUMBER = Parameter("number", Kind.NUMBER, "How many entries at most.", most=2**31 - 1)
PAGE = (_FIRST, _NUMBER)
NOTHING = Operation()
HOLD = Parameter("holdJob", Kind.FLAG, "Whether it is held until it is released.", False)
#: What every job takes that is submitted.
SUBMITTED = (
    Parameter("priority", Kind.CHOICE, "Its priority; without it, that of its type.", values=PRIORITIES),
    Parameter("jobmetadata", Kind.ALL, "Job data, `key=value`.", example="tag=lowres"),
    Parameter("notification", Kind.TEXT, "A placeholder notification, by its id, an external one or its URL."),
    Parameter("notificationData", Kind.ALL, "What notifications of the job tell as well, `key=value`."),
    HOLD,
)
PAIRS = Operation(body=(SimpleMetadataDocument,))
METADATA = Operation(answers=SimpleMetadataDocument)
URIS = Operation(answers=URIListDocument)

#: What names in paths are, by the segment before them.
PLACES: Final = {
    "job/{id}": Place("The id of a job, or an external one.", "VX-1"),
    "external-id/{ext}": Place("An external id.", "order-4711"),
    "notification/{nid}": Place("The id of a notification, or an external one.", "VX-1"),
    "delivery/{did}": Place("The number of a delivery.", "1"),
    "problem/{problem}": Place("The number of a problem.", "1"),
    "task-definition/{id}": Place("The number of a task definition.", "1"),
    "jobtype/{type}": Place("The name of a job type.", "TRANSCODE"),
    "step/{step}": Place("The number of a step in its type.", "100"),
    "metadata/{key}": Place("A key.", "colour"),
    "user/{username}": Place("The name of a user.", "ann"),
    "group/{group}": Place("The name of a group or role.", "editors"),
    "group/{child}": Place("The name of the group inside.", "editors"),
    "properties/{key}": Place("The name of a property.", "colour"),
    "job-pool/{priority}": Place("The threshold of a pool.", "HIGH", PRIORITIES),
    "task-group/{name}": Place("The name of a task group.", "night"),
    "transcoder/{id}": Place("The id of a transcoder.", "VX-1"),
    "step/{token}": Place("The token that the step was handed over with.", "0123456789abcdef"),
    "worker/{id}": Place("The id of a worker.", "00000000-0000-4000-8000-000000000000"),
    "selftest/{test}": Place("The name of a test.", "database"),
}
