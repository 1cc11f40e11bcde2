"""Task groups over HTTP: read the call, ask the engine, answer (contract 1.6)."""

from __future__ import annotations

from urllib.parse import quote

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import SimpleMetadataDocument, TaskGroupDocument, TaskGroupListDocument
from vidijob.api.vidispine.translate import task_groups as translate
from vidijob.errors import NotFound, NotImplementedHere
from vidijob.jobs.model import Priority
from vidijob.jobs.task_groups import TaskGroup


async def listing(call: Call) -> Answer:
    """GET /task-group: all task groups."""
    found = await call.services.task_groups.listing()
    documents = tuple(translate.document(group, _url(call, group)) for group in found)
    return Answer(lambda: TaskGroupListDocument(group=documents))


async def delete_all(call: Call) -> Answer:
    """DELETE /task-group: take all out."""
    await call.services.task_groups.delete_all()
    return Answer()


async def get(call: Call) -> Answer:
    """GET /task-group/{name}: one task group."""
    return _answer(call, await call.services.task_groups.one(call.path["name"]))


async def put(call: Call) -> Answer:
    """PUT /task-group/{name}: make or change one, by a document or, without body, by parameters."""
    document = await call.document(TaskGroupDocument)
    name = call.path["name"]
    group = _by_parameters(call, name) if document is None else translate.task_group(name, document)
    await call.services.task_groups.put(group)
    return _answer(call, await call.services.task_groups.one(name))


async def pause(call: Call) -> Answer:
    """PUT /task-group/{name}/pause: admit none of its jobs; what runs goes on (ours)."""
    await call.services.task_groups.pause(call.path["name"], True)
    return Answer()


async def resume(call: Call) -> Answer:
    """PUT /task-group/{name}/resume: admit them again (ours)."""
    await call.services.task_groups.pause(call.path["name"], False)
    return Answer()


async def delete(call: Call) -> Answer:
    """DELETE /task-group/{name}: take one out."""
    await call.services.task_groups.delete(call.path["name"])
    return Answer()


async def metadata(call: Call) -> Answer:
    """GET /task-group/{name}/metadata: its keys and values."""
    group = await call.services.task_groups.one(call.path["name"])
    return Answer(lambda: translate.metadata_document(group.metadata))


async def set_metadata(call: Call) -> Answer:
    """PUT /task-group/{name}/metadata: give keys values; others stay."""
    document = await call.document(SimpleMetadataDocument)
    await call.services.task_groups.set_metadata(call.path["name"], translate.metadata(document))
    return Answer()


async def delete_metadata(call: Call) -> Answer:
    """DELETE /task-group/{name}/metadata: take all keys out."""
    await call.services.task_groups.set_metadata(call.path["name"], {}, replace_all=True)
    return Answer()


async def value(call: Call) -> Answer:
    """GET /task-group/{name}/metadata/{key}: the value of a key."""
    group = await call.services.task_groups.one(call.path["name"])
    values = group.metadata.get(call.path["key"])
    if values is None:
        raise NotFound("Metadata", call.path["key"])
    return Answer(text=lambda: "\r\n".join(values))


async def set_value(call: Call) -> Answer:
    """PUT /task-group/{name}/metadata/{key}: give a key a value, which is the body."""
    given = await call.text()
    await call.services.task_groups.set_metadata(call.path["name"], {call.path["key"]: [given]})
    return Answer()


async def delete_value(call: Call) -> Answer:
    """DELETE /task-group/{name}/metadata/{key}: take a key out."""
    await call.services.task_groups.set_metadata(call.path["name"], {call.path["key"]: None})
    return Answer()


async def transcoder(call: Call) -> Answer:
    """PUT, DELETE /task-group/{name}/transcoder/{id}: there are no transcoders to choose from here."""
    raise NotImplementedHere("This server has no transcoders of its own kind: any worker takes any step it can do.")


def _by_parameters(call: Call, name: str) -> TaskGroup:
    given = call.parameters
    limit = given.text("maxConcurrency")
    metadata: dict[str, list[str]] = {}
    for text in given.all("metadata"):
        key, value = translate.pair(text)
        metadata.setdefault(key, []).append(value)
    return TaskGroup(
        name=name,
        priority=given.choice("priority", Priority),
        max_concurrency=given.number("maxConcurrency", 0, most=10_000) if limit is not None else None,
        filters=tuple(translate.job_filter(text) for text in given.all("job")),
        transcoders=tuple(given.all("transcoder")),
        metadata=metadata,
    )


def _answer(call: Call, group: TaskGroup) -> Answer:
    url = _url(call, group)
    return Answer(lambda: translate.document(group, url))


def _url(call: Call, group: TaskGroup) -> str:
    return call.url(f"/task-group/{quote(group.name, safe='')}")
