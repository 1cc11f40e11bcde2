"""Task definitions ⇄ documents."""

from __future__ import annotations

import pytest

from vidijob.api.vidispine import documents as wire
from vidijob.api.vidispine.translate.taskdefinitions import definition, task_document
from vidijob.binding import json, xml
from vidijob.errors import Invalid
from vidijob.jobs.definitions import check_task
from vidijob.jobs.model import Dependency, KnownTask, StepNumber, TaskDefinition, TaskDefinitionId

BEAN = TaskDefinition(
    StepNumber(600),
    "Transcoding",
    "media",
    "transcode",
    Dependency(previous=True),
    Dependency(StepNumber(200)),
    critical=False,
    metadata={"retries": "2"},
    plugin=True,
    flags=76,
    extradata="d,ng",
)
SCRIPT = TaskDefinition(StepNumber(5000), "", "script", "run", cleanup=True, script="1;", extradata="")


@pytest.mark.parametrize("task", [BEAN, SCRIPT])
def test_there_and_back(task: TaskDefinition) -> None:
    document = task_document(KnownTask(TaskDefinitionId(7), "ACME", task))
    assert definition(document) == ("ACME", task)
    for codec in (xml, json):
        assert definition(codec.read(wire.TaskDefinitionDocument, codec.write(document))) == ("ACME", task)
    check_task(task)


def test_what_is_left_out_has_its_default() -> None:
    document = wire.TaskDefinitionDocument(script="1;", step=1, job_type="ACME")
    assert definition(document) == ("ACME", TaskDefinition(StepNumber(1), "", "script", "run", script="1;"))


def test_a_change_keeps_type_step_and_metadata_unless_it_says_otherwise() -> None:
    known = KnownTask(TaskDefinitionId(7), "ACME", BEAN)
    type, task = definition(wire.TaskDefinitionDocument(bean="b", method="m"), known)
    assert (type, task.step, task.metadata) == ("ACME", 600, {"retries": "2"})
    assert (task.flags, task.extradata, task.plugin, task.critical) == (None, None, None, True)
    other = wire.TaskDefinitionDocument(
        script="1;", step=1, job_type="OTHER", metadata=wire.TaskMetadata(field=(wire.KeyValue(key="a", value="b"),))
    )
    type, task = definition(other, known)
    assert (type, task.step, task.metadata) == ("OTHER", 1, {"a": "b"})
    nothing = wire.TaskDefinitionDocument(script="1;", metadata=wire.TaskMetadata())
    assert definition(nothing, known)[1].metadata == {}


@pytest.mark.parametrize(
    ("document", "context"),
    [
        (wire.TaskDefinitionDocument(script="1;", step=1), "jobType"),
        (wire.TaskDefinitionDocument(script="1;", job_type=""), "jobType"),
        (wire.TaskDefinitionDocument(script="1;", job_type="A"), "step"),
        (wire.TaskDefinitionDocument(script="1;", job_type="A", step=1, plugin=True), "plugin"),
    ],
)
def test_what_is_missing_or_contradicts_itself(document: wire.TaskDefinitionDocument, context: str) -> None:
    with pytest.raises(Invalid) as caught:
        definition(document)
    assert caught.value.context == context
