"""Job types and task definitions: what each handler takes and answers."""

from __future__ import annotations

from vidijob.api.vidispine import (
    taskdefinitions,
)
from vidijob.api.vidispine.documents import (
    SimpleMetadataDocument,
    TaskDefinitionDocument,
    TaskDefinitionListDocument,
    URIListDocument,
)
from vidijob.api.vidispine.operations.shared import (
    METADATA,
    NOTHING,
    PAIRS,
)
from vidijob.jobs.definitions import OWN_IDS
from vidijob.web.negotiate import Form
from vidijob.web.operations import Kind, Operation, Operations, Parameter

_STEP = {"description": "Say hello", "bean": "file", "method": "setUp", "step": 50, "jobType": "TRANSCODE"}

DEFINITIONS: Operations = {
    taskdefinitions.listing: Operation(
        takes=(Parameter("type", Kind.LIST, "Those of these types.", example="TRANSCODE"),),
        answers=TaskDefinitionListDocument,
    ),
    taskdefinitions.add: Operation(
        takes=(Parameter("url", Kind.FLAG, "Whether URLs are answered, not ids.", False),),
        body=(TaskDefinitionListDocument, TaskDefinitionDocument),
        needs_body=True,
        example={"task": [_STEP]},
        answers=URIListDocument,
    ),
    taskdefinitions.of_type: Operation(answers=TaskDefinitionListDocument),
    taskdefinitions.define: Operation(
        takes=(
            Parameter(
                "id",
                Kind.NUMBER,
                "The number of the new type.",
                least=OWN_IDS[0],
                most=OWN_IDS[-1],
                needed=True,
                example=str(OWN_IDS[0]),
            ),
        ),
        answers=TaskDefinitionListDocument,
        refuses={409},
        makes=True,
    ),
    taskdefinitions.drop: NOTHING,
    taskdefinitions.get: Operation(answers=TaskDefinitionDocument),
    taskdefinitions.change: Operation(body=(TaskDefinitionDocument,), needs_body=True, example=_STEP),
    taskdefinitions.delete: NOTHING,
    taskdefinitions.validate: NOTHING,
    taskdefinitions.script: NOTHING,
    taskdefinitions.set_script: Operation(body=(Form.JAVASCRIPT, Form.TEXT)),
    taskdefinitions.metadata: METADATA,
    taskdefinitions.set_metadata: PAIRS,
    taskdefinitions.clear_metadata: NOTHING,
    taskdefinitions.value: METADATA,
    taskdefinitions.set_value: Operation(body=(SimpleMetadataDocument, Form.TEXT)),
    taskdefinitions.graph: Operation(refuses={501}),
    taskdefinitions.dot: NOTHING,
}
