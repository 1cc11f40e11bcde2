"""Task groups ⇄ documents, both ways, pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vidijob.api.vidispine import documents as wire
from vidijob.errors import Invalid
from vidijob.jobs.model import Priority
from vidijob.jobs.task_groups import JobFilter, TaskGroup
from vidijob.web.parameters import one_of


def document(group: TaskGroup, loc: str | None = None) -> wire.TaskGroupDocument:
    """Return a task group."""
    return wire.TaskGroupDocument(
        loc=loc,
        name=group.name,
        job=tuple(
            wire.TaskGroupJob(
                type=one.types,
                priority=tuple(priority.value for priority in one.priorities),
                user=one.users,
                group=one.groups,
                data=tuple(wire.TaskGroupData(key=key, value=value) for key, value in one.data),
            )
            for one in group.filters
        ),
        transcoder=tuple(wire.TaskGroupTranscoder(id=id) for id in group.transcoders),
        metadata=metadata_document(group.metadata) if group.metadata else None,
        priority=group.priority.value if group.priority is not None else None,
        max_concurrency=group.max_concurrency,
        paused=group.paused or None,
    )


def metadata_document(metadata: Mapping[str, Sequence[str]]) -> wire.SimpleMetadataDocument:
    """Return keys and values."""
    return wire.SimpleMetadataDocument(
        field=tuple(wire.KeyValue(key=key, value=value) for key, values in metadata.items() for value in values)
    )


def metadata(document: wire.SimpleMetadataDocument | None) -> dict[str, list[str]]:
    """Read keys and values."""
    read: dict[str, list[str]] = {}
    for field in document.field if document is not None else ():
        read.setdefault(field.key, []).append(field.value)
    return read


def task_group(name: str, given: wire.TaskGroupDocument) -> TaskGroup:
    """Read a task group from a document; the name in the path counts."""
    return TaskGroup(
        name=name,
        priority=one_of("priority", given.priority, Priority) if given.priority else None,
        max_concurrency=given.max_concurrency,
        filters=tuple(
            JobFilter(
                types=one.type,
                priorities=tuple(one_of("priority", text, Priority) for text in one.priority),
                users=one.user,
                groups=one.group,
                data=tuple((pair.key, pair.value) for pair in one.data),
            )
            for one in given.job
        ),
        transcoders=tuple(transcoder.id for transcoder in given.transcoder),
        metadata=metadata(given.metadata),
        paused=given.paused,
    )


def job_filter(text: str) -> JobFilter:
    """Read a condition from a parameter: ``type:X``, ``priority:X``, ``user:X``, ``group:X`` or ``data:key[=value]``."""
    kind, _, value = text.partition(":")
    if value:
        match kind.lower():
            case "type":
                return JobFilter(types=(value,))
            case "priority":
                return JobFilter(priorities=(one_of("job", value, Priority),))
            case "user":
                return JobFilter(users=(value,))
            case "group":
                return JobFilter(groups=(value,))
            case "data":
                key, separator, wanted = value.partition("=")
                return JobFilter(data=((key, wanted if separator else None),))
            case _:
                pass
    raise Invalid("job", "It is type:X, priority:X, user:X, group:X or data:key=value.", value=text)


def pair(text: str) -> tuple[str, str]:
    """Read ``key=value``."""
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise Invalid("metadata", "The parameter metadata is key=value.", value=text)
    return key, value
