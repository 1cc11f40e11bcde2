"""Task definitions ⇄ documents, both ways, pure."""

from __future__ import annotations

from collections.abc import Iterable

from vidijob.api.vidispine import documents as wire
from vidijob.errors import Invalid
from vidijob.jobs.model import SCRIPT, Dependency, KnownTask, StepNumber, TaskDefinition


def task_list(tasks: Iterable[KnownTask]) -> wire.TaskDefinitionListDocument:
    """Return task definitions as a list."""
    return wire.TaskDefinitionListDocument(task=tuple(task_document(known) for known in tasks))


def task_document(known: KnownTask) -> wire.TaskDefinitionDocument:
    """Return one task definition, with everything that has a default spelt out."""
    task = known.task
    return wire.TaskDefinitionDocument(
        description=task.description or None,
        extradata=task.extradata,
        flags=task.flags,
        bean=task.executor if task.script is None else None,
        method=task.method if task.script is None else None,
        plugin=bool(task.plugin) if task.script is None else None,
        script=task.script,
        step=task.step,
        dependency=_dependency_document(task.dependency),
        parallel_dependency=_dependency_document(task.parallel_dependency),
        job_type=known.job_type,
        cleanup=task.cleanup,
        critical=task.critical,
        metadata=wire.TaskMetadata(field=_fields(task.metadata.items())) if task.metadata else None,
        id=known.id,
    )


def metadata_document(values: Iterable[tuple[str, str]]) -> wire.SimpleMetadataDocument:
    """Return keys and values."""
    return wire.SimpleMetadataDocument(field=_fields(values))


def definition(document: wire.TaskDefinitionDocument, known: KnownTask | None = None) -> tuple[str, TaskDefinition]:
    """Return the type and the task definition that a document describes.

    Of ``known``, what it is to replace, a document without them keeps type, step and metadata: clients older than these
    do not send the last.
    """
    job_type = document.job_type or (known.job_type if known is not None else None)
    step = document.step if document.step is not None else known.task.step if known is not None else None
    if job_type is None:
        raise Invalid("jobType", "A task definition names the job type that it belongs to; jobType is missing.")
    if step is None:
        raise Invalid("step", "A task definition has a step number, such as 100; it is missing.")
    if document.script is not None and document.plugin:
        raise Invalid("plugin", "A script is no plugin; plugin stands beside bean and method.")
    executor, method = SCRIPT if document.script is not None else (document.bean or "", document.method or "")
    metadata = dict(known.task.metadata) if known is not None else {}
    if document.metadata is not None:
        metadata = {pair.key: pair.value for pair in document.metadata.field}
    return job_type, TaskDefinition(
        step=StepNumber(step),
        description=document.description or "",
        executor=executor,
        method=method,
        dependency=_dependency(document.dependency),
        parallel_dependency=_dependency(document.parallel_dependency),
        critical=document.critical is not False,
        cleanup=bool(document.cleanup),
        metadata=metadata,
        script=document.script,
        plugin=True if document.plugin else None,
        flags=document.flags,
        extradata=document.extradata,
    )


def _dependency(document: wire.TaskDependency | None) -> Dependency:
    if document is None:
        return Dependency()
    return Dependency(StepNumber(document.step or 0), bool(document.previous), bool(document.all_previous))


def _dependency_document(dependency: Dependency) -> wire.TaskDependency:
    return wire.TaskDependency(step=dependency.step, previous=dependency.previous, all_previous=dependency.all_previous)


def _fields(values: Iterable[tuple[str, str]]) -> tuple[wire.KeyValue, ...]:
    return tuple(wire.KeyValue(key=key, value=value) for key, value in values)
