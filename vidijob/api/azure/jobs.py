"""Jobs and their tasks: submitted, listed, changed, canceled, deleted."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from vidijob.api.azure import documents as shapes
from vidijob.api.azure import orders, translate
from vidijob.api.azure.assets import Assets
from vidijob.api.azure.documents import MODEL
from vidijob.api.azure.messages import ALL, ONLY_FINAL
from vidijob.api.azure.resources import EndPoints, Templates
from vidijob.api.azure.translate import CID, JID, TID
from vidijob.engine.listings import JobRow, View, Wanted
from vidijob.engine.submissions import Order
from vidijob.errors import Invalid, NotFound
from vidijob.jobs.expressions import Among, Field, Kind
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import JobId
from vidijob.jobs.states import ENDED
from vidijob.odata.bodies import Object, checked
from vidijob.odata.query import MOST, Options
from vidijob.odata.shapes import Row
from vidijob.web.odata import paging
from vidijob.web.odata.calls import Answer, Ask, Fault, Page
from vidijob.web.odata.sets import EntitySet, Made, New

_WRITABLE_LATER = ("Name", "Priority")
#: So many jobs are looked through for one page of tasks, and so many pages where tasks are sorted or counted.
_JOBS, _STRETCHES = 100, 10
_BY_ID = Field("Id", Kind.NUMBER)


@dataclass(frozen=True, slots=True)
class Stock:
    """What jobs refer to, and how many units of a duration a second has."""

    assets: Assets
    templates: Templates
    endpoints: EndPoints
    unit: float


class Jobs(EntitySet):
    """The jobs of this server, whichever face they came through."""

    inner = "Tasks"

    def __init__(self, stock: Stock) -> None:
        super().__init__(shapes.JOB)
        self.stock = stock
        self._view = View(orders.FACE, translate.STATES_IN_SQL, translate.PRIORITIES_IN_SQL, stock.unit)

    async def page(self, ask: Ask, options: Options) -> Page:
        """Return a part of the list."""
        condition = options.condition and translate.job_condition(options.condition, ask.server.uuids)
        wanted = Wanted(condition, options.order, options.skip, options.top, options.counted)
        rows, count = await self.rows(ask, wanted)
        return Page([self._entity(ask, row) for row in rows], count)

    async def row(self, ask: Ask, key: str) -> Row:
        """Return a job as an entity."""
        return self._entity(ask, await self.job(ask, key))

    async def linked(self, ask: Ask, row: Row, link: str) -> Sequence[Row]:
        """Return the tasks of a job, or its assets."""
        if link == "Tasks":
            return await self.tasks(ask, await self.job(ask, row["Id"]))
        return await self.stock.assets.there(ask, row.get(link))

    async def make(self, ask: Ask, news: Sequence[New]) -> list[Made]:
        """Submit jobs with their tasks."""
        ordered = [await self._order(ask, new) for new in news]
        made = []
        for job in await ask.services.commands.submit_all(ask.user, ordered):
            row = await self.of(ask, job.id)
            made.append(Made(self._entity(ask, row), await self.tasks(ask, row)))
        return made

    async def change(self, ask: Ask, key: str, entity: Object) -> None:
        """Give a job another name or priority."""
        row, values = await self.job(ask, key), checked(shapes.JOB, entity)
        # Clients send whole entities: what is as it was is no change, which a job that has ended would refuse.
        now = {name: (None, value) for name, value in self._entity(ask, row).items() if name in _WRITABLE_LATER}
        values = {name: value for name, value in values.items() if name in now and value not in now[name]}
        if "Name" in values:
            if row.document is None:
                raise Invalid("Name", "Only a job that came through this face has a Name.")
            orders.check_name(values["Name"])
        if "Priority" in values:
            wanted = translate.priority_of(values["Priority"])
            await ask.services.commands.prioritise(ask.user, job_name(ask.server.site, row.job.id), wanted)
        named = {"Name": values["Name"]} if "Name" in values else {}
        number = (values["Priority"], translate.weight(values["Priority"])) if "Priority" in values else None
        await ask.services.listings.amend(row.job.id, orders.FACE, named, number)

    async def remove(self, ask: Ask, key: str) -> Answer:
        """Take out a job that has ended."""
        row = await self.job(ask, key)
        if row.job.state not in ENDED:
            raise Fault(400, "", "A job can be deleted when it is finished, canceled or in error: cancel it first.")
        await ask.services.commands.delete(ask.user, [job_name(ask.server.site, row.job.id)])
        return Answer()

    async def add(self, ask: Ask, key: str, name: str) -> Answer:
        """Have the states of a job told from now on, also of one of another face (ours)."""
        if name != "JobNotificationSubscriptions":
            raise self.impossible(ask)
        row = await self.job(ask, key)
        state = translate.JOB_STATES[row.job.state, row.stage]
        if state in translate.FINAL:
            raise Fault(400, "", f"A job that is {translate.NAMES[state]} has nothing more to be told of.")
        subscriptions = await self._subscriptions(
            ask, [checked(MODEL.elements["JobNotificationSubscription"], ask.entity())], "TargetJobState"
        )
        if not await ask.services.listings.subscribe(row.job.id, translate.NAMES[state], subscriptions):
            raise NotFound("Jobs", key)
        return Answer()

    async def cancel(self, ask: Ask) -> Answer:
        """Abort a job (``CancelJob?jobid='…'``); refused where that was asked for already, or it has ended."""
        ask.user.require(orders.WRITE)
        row = await self.job(ask, ask.parameter("jobid"))
        state = translate.JOB_STATES[row.job.state, row.stage]
        if state > translate.RUNNING:
            raise Fault(400, "", f"A job that is {translate.NAMES[state]} cannot be canceled.")
        await ask.services.commands.abort(ask.user, job_name(ask.server.site, row.job.id), reason=None, cleanup=True)
        return Answer()

    async def job(self, ask: Ask, key: str) -> JobRow:
        """Return the job that an id names; raises ``NotFound``."""
        number = ask.server.uuids.job(JID.uuid(key))
        if number is None:
            raise NotFound("Jobs", key)
        return await self.of(ask, number)

    async def tasks(self, ask: Ask, row: JobRow) -> list[Row]:
        """Return the tasks of a job."""
        name = job_name(ask.server.site, row.job.id)
        job, events = await ask.services.insights.job(name), await ask.services.history.of(name)
        return translate.task_rows(row, job, events, ask.server.uuids, self.stock.unit)

    async def rows(self, ask: Ask, wanted: Wanted) -> tuple[list[JobRow], int | None]:
        """Return some jobs, and how many there are if they are to be counted."""
        return await ask.services.listings.jobs(self._view, wanted)

    def _entity(self, ask: Ask, row: JobRow) -> Row:
        return translate.job_row(row, ask.server.uuids, self.stock.unit)

    async def of(self, ask: Ask, job: JobId) -> JobRow:
        """Return a job; raises ``NotFound``."""
        rows, _ = await self.rows(ask, Wanted(Among(_BY_ID, (str(job),)), (), 0, 1, False))
        if not rows:
            raise NotFound("Jobs", JID.of(ask.server.uuids.of_job(job)))
        return rows[0]

    async def _order(self, ask: Ask, new: New) -> Order:
        values = checked(shapes.JOB, new.entity, MODEL.elements)
        tasks = [checked(shapes.TASK, task, MODEL.elements) for task in new.inner]
        if values.get("TemplateId") is not None:
            if tasks:
                raise Invalid("TemplateId", "A job has a TemplateId or Tasks, not both.")
            tasks = await self.stock.templates.tasks(ask, values["TemplateId"])
        inputs = new.entity.get("InputMediaAssets") or []
        if not isinstance(inputs, list) or not inputs:
            raise Invalid("InputMediaAssets", "InputMediaAssets is a list, of at least one input asset.")
        name = "JobNotificationSubscriptions"
        values[name] = await self._subscriptions(ask, values.get(name), "TargetJobState")
        name = "TaskNotificationSubscriptions"
        for task in tasks:
            task[name] = await self._subscriptions(ask, task.get(name), "TargetTaskState")
        sources = await self.stock.assets.sources(ask, [CID.linked(url) for url in inputs])
        return orders.job_order(values, tasks, sources, ask.server.root, ask.user.name)

    async def _subscriptions(self, ask: Ask, given: Sequence[Object] | None, target: str) -> list[dict[str, Any]]:
        found = []
        for one in given or ():
            if one.get(target) not in (ONLY_FINAL, ALL):
                raise Invalid(target, f"{target} is 1 (final states only) or 2 (all).", value=str(one.get(target)))
            name = "NotificationEndPointId"
            endpoint = await self.stock.endpoints.named(ask, one.get(name), name)
            found.append({**one, name: self.stock.endpoints.key.of(endpoint.id)})
        return found


class Tasks(EntitySet):
    """The tasks of all jobs; they are made with these. The list has those of the newest jobs first, page by page."""

    has_pages = True

    def __init__(self, jobs: Jobs) -> None:
        super().__init__(shapes.TASK)
        self._jobs = jobs

    async def page(self, ask: Ask, options: Options) -> Page:
        """Return a part of the list: the tasks of some jobs, and where it goes on."""

        async def read(place: int | None) -> tuple[list[Row], int | None]:
            before = None if place is None else JobId(place)
            rows, _ = await self._jobs.rows(ask, Wanted(None, [(_BY_ID, True)], 0, _JOBS + 1, False, before))
            found: list[Row] = []
            for looked_at, row in enumerate(rows):
                if looked_at == _JOBS or len(found) >= MOST:
                    return found, rows[looked_at - 1].job.id
                # One that was deleted meanwhile has none.
                with suppress(NotFound):
                    found += await self._jobs.tasks(ask, row)
            return found, None

        return await paging.page(ask, options, self.shape, read, _STRETCHES)

    async def row(self, ask: Ask, key: str) -> Row:
        """Return a task as an entity."""
        uuid = TID.uuid(key)
        packed = ask.server.uuids.number("task", uuid)
        if packed is not None:
            for row in await self._jobs.tasks(ask, await self._jobs.of(ask, JobId(packed >> 16))):
                if row["Id"] == TID.of(uuid):
                    return row
        raise NotFound("Tasks", key)

    async def linked(self, ask: Ask, row: Row, link: str) -> Sequence[Row]:
        """Return what a task reads, or what it makes."""
        return await self._jobs.stock.assets.there(ask, row.get(link))
