"""Jobs and their tasks: submitted, listed, changed, canceled, deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from vidijob.api.azure import orders, resources, translate
from vidijob.api.azure.call import READ, WRITE, Answer, Ask, Fault, Segment, ids, made, many, one
from vidijob.api.azure.documents import ASSET, JOB, TASK
from vidijob.api.azure.messages import ACCOUNT, ALL, ONLY_FINAL
from vidijob.engine.listings import JobRow, Wanted
from vidijob.engine.records import Record
from vidijob.engine.submissions import Order
from vidijob.errors import Invalid, NotFound
from vidijob.jobs.expressions import Among, Expression, Field, Kind, evaluate
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import JobId
from vidijob.jobs.states import ENDED
from vidijob.odata.bodies import Object, checked
from vidijob.odata.query import MOST, Options
from vidijob.odata.shapes import Row, Shape

_WRITABLE_LATER = ("Name", "Priority")


@dataclass(slots=True)
class Draft:
    """A job that is being put together, perhaps by several requests of a changeset."""

    values: Object
    inputs: Sequence[Any]
    tasks: list[Object] = field(default_factory=list)


def draft(entity: Mapping[str, Any]) -> Draft:
    """Read a job that was sent, with the tasks that were sent in it."""
    tasks = entity.get("Tasks") or []
    inputs = entity.get("InputMediaAssets") or []
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks) or not isinstance(inputs, list):
        raise Invalid("Tasks", "Tasks and InputMediaAssets are lists.")
    return Draft(checked(JOB, entity), inputs, [task_draft(task) for task in tasks])


def task_draft(entity: Mapping[str, Any]) -> Object:
    """Read a task that was sent."""
    return checked(TASK, entity)


async def order(ask: Ask, wanted: Draft) -> Order:
    """Return the order of a job that was put together; raises ``Invalid``."""
    ask.server.user.require(WRITE)
    values, tasks = dict(wanted.values), list(wanted.tasks)
    if values.get("TemplateId") is not None:
        if tasks:
            raise Invalid("TemplateId", "A job has a TemplateId or Tasks, not both.")
        tasks = await resources.template_tasks(ask, values["TemplateId"])
    if not wanted.inputs:
        raise Invalid("InputMediaAssets", "A job has at least one input asset; InputMediaAssets is missing.")
    assets = [translate.linked(url, "cid") for url in wanted.inputs]
    values["JobNotificationSubscriptions"] = await _subscriptions(ask, values.get("JobNotificationSubscriptions"))
    sources = await resources.sources(ask, assets)
    return orders.job_order(values, tasks, sources, ask.server.root, ask.server.user.name, ACCOUNT)


async def submit(ask: Ask, wanted: Sequence[Draft]) -> list[JobRow]:
    """Submit jobs, all or none, and return them as they are now."""
    submitted = await ask.services.commands.submit_all(
        ask.server.user, [await order(ask, one_draft) for one_draft in wanted]
    )
    return [await _row(ask, job.id) for job in submitted]


async def post(ask: Ask) -> Answer:
    """POST Jobs: submit one."""
    (row,) = await submit(ask, [draft(ask.entity())])
    return made(ask, JOB, translate.job_row(row, ask.server.uuids))


async def listing(ask: Ask) -> Answer:
    """GET Jobs: some of the jobs of this server, whichever face they came through."""
    options = ask.options(JOB)
    rows, count = await _rows(ask, options)
    found = [translate.job_row(row, ask.server.uuids) for row in rows]
    return many(ask, JOB, found, count, options.select)


async def count(ask: Ask) -> int:
    """GET Jobs/$count: how many there are."""
    _, counted = await _rows(ask, ask.options(JOB), top=0)
    return counted or 0


async def get(ask: Ask, segments: Sequence[Segment]) -> Answer:
    """GET Jobs('…'), one of its properties, or what it leads to."""
    row = await _row(ask, number(ask, segments[0].key))
    entity = translate.job_row(row, ask.server.uuids)
    if len(segments) == 1:
        return one(ask, JOB, entity)
    link = segments[1].name
    if link == "Tasks":
        return within(ask, TASK, await tasks(ask, row))
    if link in JOB.links:
        return within(ask, ASSET, await resources.assets(ask, ids((row.document or {}).get(link, ()))))
    return await resources.prop(ask, JOB, entity, segments[1:])


async def task(ask: Ask, segments: Sequence[Segment]) -> Answer:
    """GET Tasks('…'), one of its properties, or what it leads to."""
    uuid = translate.parse_id(segments[0].key or "", "tid")
    packed = ask.server.uuids.number("task", uuid)
    if packed is None:
        raise NotFound("Tasks", segments[0].key or "")
    row = await _row(ask, JobId(packed >> 16))
    id = translate.entity_id("tid", uuid)
    found = next((one_task for one_task in await tasks(ask, row) if one_task["Id"] == id), None)
    if found is None:
        raise NotFound("Tasks", id)
    if len(segments) == 1:
        return one(ask, TASK, found)
    links = {"InputMediaAssets": "Inputs", "OutputMediaAssets": "Outputs"}
    if segments[1].name in links:
        return within(ask, ASSET, await resources.assets(ask, ids(found.get(links[segments[1].name], ()))))
    return await resources.prop(ask, TASK, found, segments[1:])


async def all_tasks(ask: Ask) -> Answer:
    """GET Tasks: those of the newest jobs."""
    newest = Wanted(None, [(Field("Id", Kind.NUMBER), True)], 0, 100, False)
    rows, _ = await _listed(ask, newest)
    found: list[Row] = []
    for row in rows:
        # One that was deleted meanwhile has none.
        with suppress(NotFound):
            found += await tasks(ask, row)
    return within(ask, TASK, found)


async def tasks(ask: Ask, row: JobRow) -> list[Row]:
    """Return the tasks of a job."""
    name = job_name(ask.server.site, row.job.id)
    job = await ask.services.insights.job(name)
    return translate.task_rows(row, job, await ask.services.history.of(name), ask.server.uuids)


async def merge(ask: Ask, key: str | None) -> Answer:
    """MERGE, PATCH or PUT Jobs('…'): give it another name or priority; what is read-only is passed over."""
    job = number(ask, key)
    values = checked(JOB, ask.entity())
    values = {name: value for name, value in values.items() if name in _WRITABLE_LATER and value is not None}
    row = await _row(ask, job)
    ask.server.user.require(WRITE)
    if "Name" in values and (row.document is None or len(values["Name"]) > orders.MOST_NAME):
        raise Invalid(
            "Name", f"A job that came through this face has a Name, of at most {orders.MOST_NAME} characters."
        )
    if "Priority" in values:
        wanted = translate.priority_of(values["Priority"])
        await ask.services.commands.prioritise(ask.server.user, job_name(ask.server.site, job), wanted)
    named = {"Name": values["Name"]} if "Name" in values else {}
    await ask.services.listings.amend(job, orders.FACE, named, values.get("Priority"))
    return Answer()


async def subscribe(ask: Ask, key: str | None) -> Answer:
    """POST Jobs('…')/JobNotificationSubscriptions (ours): have the states of a job told, also of one of another face."""
    job = number(ask, key)
    row = await _row(ask, job)
    ask.server.user.require(WRITE)
    state = translate.JOB_STATES[row.job.state, row.stage]
    if state in translate.FINAL:
        raise Fault(400, "", f"A job that is {translate.NAMES[state]} has nothing more to be told of.")
    subscriptions = await _subscriptions(ask, [ask.entity()])
    if not await ask.services.listings.subscribe(job, translate.NAMES[state], subscriptions):
        raise NotFound("Jobs", key or "")
    return Answer()


async def cancel(ask: Ask) -> Answer:
    """GET CancelJob?jobid='…': abort a job; refused where that was asked for already, or it has ended."""
    job = number(ask, ask.query.get("jobid", "").strip().strip("'"))
    row = await _row(ask, job)
    ask.server.user.require(WRITE)
    state = translate.JOB_STATES[row.job.state, row.stage]
    if state > 2:
        said = f"A job that is {translate.NAMES[state]} cannot be canceled."
        raise Fault(400, "", said)
    await ask.services.commands.abort(ask.server.user, job_name(ask.server.site, job), reason=None, cleanup=True)
    return Answer()


async def delete(ask: Ask, key: str | None) -> Answer:
    """DELETE Jobs('…'): take out one that has ended."""
    job = number(ask, key)
    row = await _row(ask, job)
    ask.server.user.require(WRITE)
    if row.job.state not in ENDED:
        raise Fault(400, "", "A job can be deleted when it is finished, canceled or in error: cancel it first.")
    await ask.services.commands.delete(ask.server.user, [job_name(ask.server.site, job)])
    return Answer()


def within(ask: Ask, shape: Shape, rows: Sequence[Row]) -> Answer:
    """Answer a part of rows that are at hand, as the query wants it."""
    options = ask.options(shape)
    found = [
        row for row in rows if options.condition is None or evaluate(options.condition, _plain(shape, row)) is True
    ]
    for by, down in reversed(options.order):
        assert isinstance(by, Field)
        name = by.name
        # Nothing is less than anything.
        found.sort(key=lambda row: (row.get(name) is not None, row.get(name) or 0), reverse=down)
    part = found[options.skip : options.skip + options.top]
    return many(ask, shape, part, len(found) if options.counted else None, options.select)


def _plain(shape: Shape, row: Row) -> dict[str, Any]:
    return {name: row.get(name) for name in shape.properties}


def number(ask: Ask, key: str | None) -> JobId:
    """Return the job that an id names; raises ``NotFound`` for what none can be."""
    job = ask.server.uuids.job(translate.parse_id(key or "", "jid"))
    if job is None:
        raise NotFound("Jobs", key or "")
    return job


async def _row(ask: Ask, job: JobId) -> JobRow:
    ask.server.user.require(READ)
    only = Among(Field("Id", Kind.NUMBER), (str(job),))
    rows, _ = await _listed(ask, Wanted(only, (), 0, 1, False))
    if not rows:
        raise NotFound("Jobs", translate.entity_id("jid", ask.server.uuids.of_job(job)))
    return rows[0]


async def _rows(ask: Ask, options: Options, *, top: int | None = None) -> tuple[list[JobRow], int | None]:
    condition: Expression | None = None
    if options.condition is not None:
        condition = translate.job_condition(options.condition, ask.server.uuids)
    size = options.top if top is None else top
    wanted = Wanted(condition, options.order, options.skip, min(size, MOST), options.counted or top == 0)
    return await _listed(ask, wanted)


async def _listed(ask: Ask, wanted: Wanted) -> tuple[list[JobRow], int | None]:
    ask.server.user.require(READ)
    return await ask.services.listings.jobs(orders.FACE, wanted, translate.STATES_IN_SQL, translate.PRIORITIES_IN_SQL)


async def _subscriptions(ask: Ask, given: object) -> list[dict[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, list) or len(given) > 100:
        raise Invalid("JobNotificationSubscriptions", "JobNotificationSubscriptions is a list.")
    found = []
    for subscription in given:
        about = subscription if isinstance(subscription, dict) else {}
        target, text = str(about.get("TargetJobState")), str(about.get("NotificationEndPointId"))
        if target not in (str(ONLY_FINAL), str(ALL)):
            raise Invalid("TargetJobState", "TargetJobState is 1 (final states only) or 2 (all).", value=target[:50])
        endpoint: Record = await resources.endpoint(ask, text)
        id = translate.entity_id("nepid", endpoint.id)
        found.append({"TargetJobState": int(target), "NotificationEndPointId": id})
    return found
