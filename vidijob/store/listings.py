"""The lists of other faces, put together from ``sql/parts/listing.sql``: any condition on the fields of a row, any order. What
a caller wrote goes into arguments, every bit of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from vidijob.jobs.expressions import Expression, Field, Kind, Ordering
from vidijob.jobs.model import Job, JobId
from vidijob.store import jobs, records
from vidijob.store.database import Database
from vidijob.store.expressions import fill, write
from vidijob.store.queries import Query, parts
from vidijob.store.records import Record

#: The fields of a job as a face may name them → the part that is their column.
JOB_COLUMNS = {
    "Id": "job_id",
    "Name": "job_name",
    "TemplateId": "job_template",
    "Created": "job_created",
    "EndTime": "job_ended",
    "StartTime": "job_began",
    "LastModified": "job_changed",
    "RunningDuration": "job_duration",
    "State": "job_state",
    "Priority": "job_priority",
    "JobState": "job_own_state",
}
_RECORD_COLUMNS = {
    "Id": "record_id",
    "Name": "record_name",
    "Created": "record_created",
    "LastModified": "record_changed",
}
_KEPT = {Kind.TEXT: "record_text", Kind.NUMBER: "record_number", Kind.TRUTH: "record_truth", Kind.TIME: "record_text"}
#: In no row is it nothing: so the order is that of an index.
_NEVER_NOTHING = ("Id", "Created")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What part of a list is wanted."""

    condition: Expression | None
    order: Ordering
    skip: int
    top: int
    #: Whether it is to be counted as well.
    counted: bool
    #: Only jobs that are older than this one; ``None``: all.
    before: JobId | None = None


@dataclass(frozen=True, slots=True)
class View:
    """How a face sees jobs."""

    face: str
    #: State and stage (``READY/0``) → number.
    states: Mapping[str, int]
    #: Priority → number.
    priorities: Mapping[str, int]
    #: How many units of a duration a second has.
    unit: float = 1


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job, with what a face shows of its past."""

    job: Job
    #: 0: never admitted, 1: admitted, 2: a step has begun.
    stage: int
    #: When it was first admitted.
    began: datetime | None
    #: When anything last happened to it.
    changed: datetime | None
    #: What it was submitted as through this face, and with which number; ``None``: it came through another.
    document: Mapping[str, Any] | None
    number: int | None


async def job_rows(database: Database, view: View, wanted: Wanted) -> tuple[list[JobRow], int | None]:
    """Return some jobs, and how many there are if they are to be counted."""
    arguments: list[object] = []

    def bind(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    known = parts("listing")

    def column(field: Field) -> str:
        part = known[JOB_COLUMNS[field.name]]
        match field.name:
            case "State":
                return fill(part, states=bind(dict(view.states)), stage=known["job_stage"])
            case "Priority":
                return fill(part, priorities=bind(dict(view.priorities)))
            case "RunningDuration":
                return fill(part, began=known["job_began"], unit=bind(float(view.unit)))
            case _:
                return part

    here = bind(view.face)
    past = {"stage": known["job_stage"], "began": known["job_began"], "changed": known["job_changed"]}
    statement = _Statement(
        fill(known["jobs"], face=here, **past), fill(known["count_jobs"], face=here), known["job_id"]
    )
    only = None if wanted.before is None else fill(known["job_before"], before=bind(wanted.before))
    rows, count = await statement.run(database, wanted, column, only, arguments)
    found = [
        JobRow(
            jobs.from_row(row),
            row["stage"],
            row["began"],
            row["changed"],
            row["document"],
            row["number"],
        )
        for row in rows
    ]
    return found, count


async def record_rows(
    database: Database, face: str, kind: str, prefix: str, wanted: Wanted
) -> tuple[list[Record], int | None]:
    """Return some of the things of a kind, whose ids begin with a prefix, and how many there are if they are to be counted."""
    arguments: list[object] = []

    def bind(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}::text"

    known = parts("listing")

    def column(field: Field) -> str:
        part = known[_RECORD_COLUMNS.get(field.name, _KEPT[field.kind])]
        if field.name == "Id":
            return fill(part, prefix=bind(prefix))
        return part if field.name in _RECORD_COLUMNS else fill(part, key=bind(field.name))

    only = fill(known["of_kind"], face=bind(face), kind=bind(kind))
    statement = _Statement(known["records"], known["count_records"], known["record_place"])
    rows, count = await statement.run(database, wanted, column, only, arguments)
    return [records.from_row(row) for row in rows], count


@dataclass(frozen=True, slots=True)
class _Statement:
    """A list: its rows, how they are counted, and in which order they are where no other was asked for."""

    head: str
    count: str
    place: str

    async def run(
        self,
        database: Database,
        wanted: Wanted,
        column: Callable[[Field], str],
        only: str | None,
        arguments: list[object],
    ) -> tuple[list[Any], int | None]:
        known = parts("listing")
        conditions = [] if only is None else [only]
        if wanted.condition is not None:
            conditions.append(write(wanted.condition, column, arguments, _NEVER_NOTHING))
        where = ""
        if conditions:
            both = (
                conditions[0] if len(conditions) == 1 else fill(known["both"], left=conditions[0], right=conditions[1])
            )
            where = fill(known["where"], condition=both)
        bound = len(arguments)
        terms = []
        for field, down in wanted.order:
            assert isinstance(field, Field)
            if field.name in _NEVER_NOTHING:
                terms.append(column(field) + (" DESC" if down else ""))
            else:
                terms.append(fill(known["downwards" if down else "upwards"], term=column(field)))
        order = fill(known["order"], terms=", ".join([*terms, self.place]))
        arguments += [wanted.skip, wanted.top]
        page = fill(known["page"], skip=f"${len(arguments) - 1}", top=f"${len(arguments)}")
        async with database.snapshot() as session:
            if conditions and wanted.top != 1:
                # Which index is the best depends on what is looked for.
                await session.run(_query(known["by_values"]))
            rows = await session.run(_query(f"{self.head}\n{where}\n{order}\n{page}"), *arguments)
            if not wanted.counted:
                return rows, None
            used = arguments[:bound]
            (counted,) = await session.run(_query(f"{self.count}\n{where}"), *used)
        return rows, counted[0]


def _query(sql: str) -> Query:
    return Query("listing", (), "many", "", sql)
