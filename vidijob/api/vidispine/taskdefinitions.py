"""Job types and task definitions over HTTP (contract 1.4). A task definition is named by its id, or by type and step."""

from __future__ import annotations

import re

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import (
    SimpleMetadataDocument,
    TaskDefinitionDocument,
    TaskDefinitionListDocument,
    URIListDocument,
)
from vidijob.api.vidispine.translate import taskdefinitions as translate
from vidijob.binding import text
from vidijob.engine import pictures
from vidijob.engine.jobtypes import Place
from vidijob.errors import Invalid, NotFound
from vidijob.jobs import drawing
from vidijob.jobs.definitions import OWN_IDS
from vidijob.jobs.model import StepNumber, TaskDefinitionId
from vidijob.web.negotiate import Form

_WHOLE = re.compile(r"[0-9]{1,10}")
_LARGEST_ID = 2**31 - 1
_LAST_STEP = 2**15 - 1


async def listing(call: Call) -> Answer:
    """GET /task-definition: all, or those of some types."""
    tasks = await call.services.job_types.tasks(call.parameters.list("type"))
    return Answer(lambda: translate.task_list(tasks))


async def add(call: Call) -> Answer:
    """POST /task-definition: add to types, all or none; answers their ids, or their URLs."""
    with_urls = call.parameters.flag("url", False)
    several = await call.document(TaskDefinitionListDocument)
    documents = several.task if several is not None else ()
    if several is not None and not documents:
        # Perhaps it is a single one, without the list around it.
        one = await call.document(TaskDefinitionDocument)
        documents = (one,) if one is not None else ()
    if not documents:
        raise Invalid("task", "A TaskDefinitionListDocument with at least one task is expected.")
    ids = await call.services.job_types.add(call.user, [translate.definition(document) for document in documents])
    uris = [call.url(f"/task-definition/{id}") if with_urls else str(id) for id in ids]
    return Answer(lambda: URIListDocument(uri=tuple(uris)), lambda: text.lines(uris))


async def get(call: Call) -> Answer:
    """GET …/{id}, …/jobtype/{type}/step/{step}: one as its document."""
    known = await call.services.job_types.task(_place(call))
    return Answer(lambda: translate.task_document(known))


async def change(call: Call) -> Answer:
    """PUT …: give one other contents, and where the document says so another type or step."""
    place, document = _place(call), await call.document(TaskDefinitionDocument)
    if document is None:
        raise Invalid("task", "A TaskDefinitionDocument is expected; the body is empty.")
    await call.services.job_types.change(call.user, place, lambda known: translate.definition(document, known))
    return Answer()


async def delete(call: Call) -> Answer:
    """DELETE …: delete one; its type goes on without it."""
    await call.services.job_types.delete(call.user, _place(call))
    return Answer()


async def validate(call: Call) -> Answer:
    """GET …/validate: 200 where somebody can carry it out, else 400 and why not."""
    await call.services.job_types.validate(_place(call))
    return Answer(text=lambda: "")


async def script(call: Call) -> Answer:
    """GET …/script: the script as it is."""
    source = await call.services.job_types.script(_place(call))
    return Answer(text=lambda: source, content=source.encode)


async def set_script(call: Call) -> Answer:
    """PUT …/script: another script, whatever type the body is said to have."""
    await call.services.job_types.set_script(call.user, _place(call), await call.text())
    return Answer()


async def metadata(call: Call) -> Answer:
    """GET …/metadata: its keys and values."""
    known = await call.services.job_types.task(_place(call))
    return Answer(lambda: translate.metadata_document(known.task.metadata.items()))


async def set_metadata(call: Call) -> Answer:
    """PUT …/metadata: set keys; the others stay."""
    document = await call.document(SimpleMetadataDocument)
    values = {pair.key: pair.value for pair in document.field} if document is not None else {}
    await call.services.job_types.set_metadata(call.user, _place(call), values)
    return Answer()


async def clear_metadata(call: Call) -> Answer:
    """DELETE …/metadata[/{key}]: take keys away: all, one, or those that a pattern with ``*`` fits."""
    await call.services.job_types.clear_metadata(call.user, _place(call), call.path.get("key", "*"))
    return Answer()


async def value(call: Call) -> Answer:
    """GET …/metadata/{key}: one value; as text nothing else."""
    known, key = await call.services.job_types.task(_place(call)), call.path["key"]
    found = known.task.metadata.get(key)
    if found is None:
        raise NotFound("Metadata", key)
    return Answer(lambda: translate.metadata_document([(key, found)]), lambda: found)


async def set_value(call: Call) -> Answer:
    """PUT …/metadata/{key}: one value, as text, or as a document with that key."""
    key = call.path["key"]
    if call.sends in (Form.XML, Form.JSON):
        document = await call.document(SimpleMetadataDocument)
        values = {pair.key: pair.value for pair in document.field} if document is not None else {}
        if set(values) != {key}:
            raise Invalid("metadata", f"A document that sets the key {key} holds this key and no other.")
    else:
        values = {key: await call.text()}
    await call.services.job_types.set_metadata(call.user, _place(call), values)
    return Answer()


async def of_type(call: Call) -> Answer:
    """GET /task-definition/jobtype/{type}: those of one type."""
    tasks = await call.services.job_types.tasks_of(_type(call))
    return Answer(lambda: translate.task_list(tasks))


async def define(call: Call) -> Answer:
    """POST /task-definition/jobtype/{type}: make a type; answers its task definitions, none as yet."""
    name = call.path["type"]
    if call.parameters.text("id") is None:
        raise Invalid(
            "id", f"The parameter id is the number of the new type, {OWN_IDS[0]} to {OWN_IDS[-1]}; it is missing."
        )
    id = call.parameters.number("id", 0, least=OWN_IDS[0], most=OWN_IDS[-1])
    await call.services.job_types.define(call.user, name, id)
    return Answer(lambda: translate.task_list(()))


async def drop(call: Call) -> Answer:
    """DELETE /task-definition/jobtype/{type}: delete a type of one's own, with its task definitions."""
    await call.services.job_types.drop(call.user, _type(call))
    return Answer()


async def graph(call: Call) -> Answer:
    """GET …/jobtype/{type}/graph: a picture; SVG where PNG cannot be had and was not insisted on."""
    kind = await call.services.job_types.kind(_type(call))
    if call.form is Form.SVG or (not pictures.can_draw() and call.accepts(Form.SVG)):
        return Answer(content=lambda: drawing.svg(kind).encode(), form=Form.SVG)
    picture = await call.services.job_types.png(drawing.dot(kind))
    return Answer(content=lambda: picture)


async def dot(call: Call) -> Answer:
    """GET …/jobtype/{type}/graph/dot: the graph in the language of Graphviz."""
    kind = await call.services.job_types.kind(_type(call))
    return Answer(text=lambda: drawing.dot(kind), content=lambda: drawing.dot(kind).encode())


def _type(call: Call) -> str:
    name = call.path["type"]
    if "\x00" in name:
        # The database could not even be asked.
        raise NotFound("JobType", name)
    return name


def _place(call: Call) -> Place:
    if "id" in call.path:
        return TaskDefinitionId(_number(call.path["id"], _LARGEST_ID, call.path["id"]))
    type, step = _type(call), call.path["step"]
    return type, StepNumber(_number(step, _LAST_STEP, f"{type}/{step}"))


def _number(text: str, most: int, shown: str) -> int:
    """Return a number of a path; one that is none is that of nothing."""
    if not _WHOLE.fullmatch(text) or not 0 < int(text) <= most:
        raise NotFound("TaskDefinition", shown)
    return int(text)
