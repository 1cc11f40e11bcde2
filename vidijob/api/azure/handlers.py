"""What each path and method of the face does, for a request alone and for one of a batch; and batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from uuid import UUID

from vidijob.api.azure import documents as shapes
from vidijob.api.azure import jobs, resources, translate
from vidijob.api.azure.call import READ, WRITE, Answer, Ask, Fault, NoSegment, made, many, one, read_path, read_query
from vidijob.api.azure.documents import MODEL
from vidijob.engine.records import NewRecord
from vidijob.errors import Invalid, Unreadable
from vidijob.odata import batch
from vidijob.odata.batch import Request, Response
from vidijob.odata.bodies import Object
from vidijob.odata.formats import Body, Writer, wanted
from vidijob.odata.shapes import Row, Shape

#: Turns what was raised into an answer.
Failed = Callable[[Ask, Exception], Answer]
#: One client library spells it so, and would not see that nothing happened.
_CANCEL = ("CancelJob", "CanceJob")


async def answer(ask: Ask) -> Answer:
    """Answer one request; raises what is refused."""
    ask.server.user.require(READ)
    path, method = ask.path, "GET" if ask.method == "HEAD" else ask.method
    if not path:
        return Answer(200, ask.writer.service())
    first = path[0]
    if method == "GET":
        return await _read(ask)
    kind, alone = resources.KINDS.get(first.name), len(path) == 1
    match method, first.name, first.key is None:
        case "POST", "Jobs", True if alone:
            return await jobs.post(ask)
        case "POST", "Jobs", False if [segment.name for segment in path[1:]] == ["JobNotificationSubscriptions"]:
            return await jobs.subscribe(ask, first.key)
        case "POST", _, True if alone and kind is not None:
            return await resources.post(ask, kind)
        case (("MERGE" | "PATCH" | "PUT"), "Jobs", False) if alone:
            return await jobs.merge(ask, first.key)
        case (("MERGE" | "PATCH" | "PUT"), _, False) if alone and kind is not None:
            return await resources.merge(ask, kind, first.key)
        case "DELETE", "Jobs", False if alone:
            return await jobs.delete(ask, first.key)
        case "DELETE", _, False if alone and kind is not None:
            return await resources.delete(ask, kind, first.key)
    if first.name in MODEL.entities:
        raise Fault(405, "", f"{ask.method} is not possible here.")
    raise NoSegment("Segment", first.name)


async def _read(ask: Ask) -> Answer:
    path, first = ask.path, ask.path[0]
    kind = resources.KINDS.get(first.name)
    if len(path) == 1 and first.name == "$metadata":
        return Answer(200, Body(MODEL.metadata(), "application/xml;charset=utf-8"))
    if len(path) == 1 and first.name in _CANCEL:
        return await jobs.cancel(ask)
    counted = len(path) == 2 and path[1].name == "$count" and first.key is None
    if counted and (first.name == "Jobs" or kind is not None):
        number = await jobs.count(ask) if kind is None else await resources.count(ask, kind)
        return Answer(200, Body(str(number), "text/plain;charset=utf-8"))
    match first.name, first.key is None:
        case "Jobs", True if len(path) == 1:
            return await jobs.listing(ask)
        case "Jobs", False:
            return await jobs.get(ask, path)
        case "Tasks", True if len(path) == 1:
            return await jobs.all_tasks(ask)
        case "Tasks", False:
            return await jobs.task(ask, path)
        case "Operations", False:
            return await resources.operation(ask, path)
        case "Operations", True if len(path) == 1:
            return many(ask, shapes.OPERATION, [], None)
        case "MediaProcessors", no_key if no_key or len(path) == 1:
            rows = await resources.processors(ask, path)
            return jobs.within(ask, shapes.PROCESSOR, rows) if no_key else one(ask, shapes.PROCESSOR, rows[0])
    if kind is not None and first.key is None and len(path) == 1:
        return await resources.listing(ask, kind)
    if kind is not None and first.key is not None:
        return await resources.get(ask, kind, path)
    raise NoSegment("Segment", path[-1].name if first.name in MODEL.entities else first.name)


async def answer_batch(ask: Ask, failed: Failed) -> tuple[bytes, str]:
    """Answer a batch: its requests one after the other, of each changeset all or none. Returns the body and its type."""
    answers: list[Response | list[Response]] = []
    for part in batch.read(ask.body, ask.headers.get("content-type")):
        if isinstance(part, Request):
            inner = ask
            try:
                inner = _inner(ask, part)
                answers.append(_response(await answer(inner), inner, part))
            except Exception as error:
                answers.append(_response(failed(inner, error), inner, part))
            continue
        try:
            answers.append(await _changeset(ask, part))
        except Exception as error:
            # One answer for all: nothing of it was done.
            first = part[0] if part else Request("POST", "", {}, b"")
            answers.append(_response(failed(_formatted(ask, first), error), ask, first))
    return batch.write(answers)


def _formatted(ask: Ask, part: Request) -> Ask:
    accept = part.headers.get("accept")
    return replace(ask, writer=Writer(MODEL, wanted(accept, None), ask.writer.base))


def _inner(ask: Ask, part: Request) -> Ask:
    path, _, query = part.url.partition("?")
    lowered = path.lower()
    # Absolute or rooted, whatever host it names; or relative.
    place = lowered.find("/api/")
    if place >= 0:
        path = path[place + len("/api/") :]
    elif "://" in path or path.startswith("/"):
        raise NoSegment("Segment", path[:100])
    inner = _formatted(ask, part)
    return replace(
        inner, method=part.method, path=read_path(path), query=read_query(query), headers=part.headers, body=part.body
    )


async def _changeset(ask: Ask, parts: Sequence[Request]) -> list[Response]:
    asks = [_inner(ask, part) for part in parts]
    if len(asks) == 1 and asks[0].path and asks[0].path[0].name not in ("Jobs", "JobTemplates"):
        if asks[0].method == "GET":
            raise Unreadable("$batch", "A changeset holds no GET.")
        return [_response(await answer(asks[0]), asks[0], parts[0])]
    plan = _Plan(ask)
    for inner, part in zip(asks, parts, strict=True):
        plan.add(inner, part)
    answers = await plan.carry_out()
    return [_response(each, inner, part) for each, inner, part in zip(answers, asks, parts, strict=True)]


class _Plan:
    """What a changeset makes: jobs with their tasks, or templates with theirs, which are then made all or none."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        #: By what later requests name it.
        self._named: dict[str, int] = {}
        self._jobs: list[jobs.Draft] = []
        self._templates: list[tuple[Object, list[Object]]] = []
        #: For each request: which thing it makes or adds to, and as which part of it; ``None``: it makes it.
        self._makes: list[tuple[Ask, int, int | None]] = []

    def add(self, inner: Ask, part: Request) -> None:
        """Take a request in; raises ``Invalid`` for one that cannot be a part of this changeset."""
        names = [segment.name for segment in inner.path]
        inner.server.user.require(WRITE)
        if inner.method == "POST" and names == ["Jobs"] and not self._templates:
            self._jobs.append(jobs.draft(inner.entity()))
            self._enter(inner, part, len(self._jobs) - 1)
        elif inner.method == "POST" and names == ["JobTemplates"] and not self._jobs:
            self._templates.append((inner.entity(), []))
            self._enter(inner, part, len(self._templates) - 1)
        elif inner.method == "POST" and len(names) == 2 and names[0][1:] in self._named:
            place = self._named[names[0][1:]]
            if names[1] == "Tasks" and self._jobs:
                self._jobs[place].tasks.append(jobs.task_draft(inner.entity()))
                self._makes.append((inner, place, len(self._jobs[place].tasks) - 1))
            elif names[1] == "TaskTemplates" and self._templates:
                self._templates[place][1].append(inner.entity())
                self._makes.append((inner, place, len(self._templates[place][1]) - 1))
            else:
                raise Invalid("$batch", f"What ${names[0][1:]} makes has no {names[1]} here.")
        else:
            raise Invalid(
                "$batch", "A changeset makes jobs with their tasks, or job templates with theirs, or is one request."
            )

    def _enter(self, inner: Ask, part: Request, place: int) -> None:
        if part.content_id is not None:
            self._named[part.content_id] = place
        self._makes.append((inner, place, None))

    async def carry_out(self) -> list[Answer]:
        """Make everything, and answer each request."""
        if self._jobs:
            rows = await jobs.submit(self._ask, self._jobs)
            whole = [translate.job_row(row, self._ask.server.uuids) for row in rows]
            parts = [await jobs.tasks(self._ask, row) for row in rows]
            return self._answers(shapes.JOB, whole, shapes.TASK, parts)
        news = [resources.template_records(self._ask, entity, parts) for entity, parts in self._templates]
        added = await self._ask.services.records.add_all([record for each in news for record in each])
        known: dict[UUID, Row] = {
            record.id: translate.record_row(record, "jtid" if record.parent is None else "ttid") for record in added
        }
        mine = [[known[_id(record)] for record in each] for each in news]
        return self._answers(
            shapes.JOB_TEMPLATE, [each[0] for each in mine], shapes.TASK_TEMPLATE, [each[1:] for each in mine]
        )

    def _answers(
        self, shape: Shape, whole: Sequence[Row], inner: Shape, parts: Sequence[Sequence[Row]]
    ) -> list[Answer]:
        return [
            made(ask, shape, whole[place]) if part is None else made(ask, inner, parts[place][part])
            for ask, place, part in self._makes
        ]


def _id(record: NewRecord) -> UUID:
    assert record.id is not None
    return record.id


def _response(answer: Answer, ask: Ask, part: Request) -> Response:
    headers = {"DataServiceVersion": "3.0;"}
    if answer.body is not None:
        headers["Content-Type"] = answer.body.type
    if part.content_id is not None:
        headers["Content-ID"] = "".join(letter for letter in part.content_id if letter.isalnum())[:50]
    headers |= {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", **answer.headers}
    body = b"" if answer.body is None else answer.body.text.encode("utf-8", "replace")
    return Response(answer.status, HTTPStatus(answer.status).phrase, headers, body)
