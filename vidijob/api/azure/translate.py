"""Jobs ⇄ the words of Azure Media Services: ids, states, priorities, entities. Pure; the wire's words end here.

A job's state follows from that of the core and from how far it has ever come, so that it never goes back::

                                    never admitted   admitted       a step has begun
    READY, HOLD                     0 Queued         1 Scheduled    2 Processing
    WAITING, STARTED, VIDINET_JOB   1 Scheduled      1 Scheduled    2 Processing
    FINISHED, FINISHED_WARNING      3 Finished
    FAILED_TOTAL                    4 Error
    ABORTED                         5 Canceled
    ABORTED_PENDING                 6 Canceling
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from vidijob.engine.listings import JobRow
from vidijob.engine.operations import Operation
from vidijob.errors import Invalid
from vidijob.jobs.expressions import (
    Among,
    Comparison,
    Expression,
    Field,
    Kind,
    Literal,
    Negation,
    Sign,
    mapped,
    spread,
    turned,
)
from vidijob.jobs.following import States
from vidijob.jobs.identity import Uuids
from vidijob.jobs.model import Attempt, Event, Job, JobId, Priority, StepNumber
from vidijob.jobs.states import JobState, StepState
from vidijob.odata.keys import Key
from vidijob.odata.shapes import Row

NAMES = ("Queued", "Scheduled", "Processing", "Finished", "Error", "Canceled", "Canceling")
_QUEUED, _SCHEDULED, _PROCESSING, _FINISHED, _ERROR, _CANCELED, _CANCELING = range(7)
#: What nothing comes after.
FINAL = (_FINISHED, _ERROR, _CANCELED)
#: Up to here a job can be canceled.
RUNNING = _PROCESSING

_J, _S = JobState, StepState
#: (state, stage) → state; a stage is 0: never admitted, 1: admitted, 2: a step has begun.
STAGES = (0, 1, 2)
JOB_STATES: Mapping[tuple[JobState, int], int] = {
    **{(state, stage): stage for state in (_J.READY, _J.HOLD) for stage in STAGES},
    **{(state, stage): max(stage, 1) for state in (_J.WAITING, _J.STARTED, _J.VIDINET_JOB) for stage in STAGES},
    **{
        (state, stage): number
        for stage in STAGES
        for state, number in (
            (_J.FINISHED, _FINISHED), (_J.FINISHED_WARNING, _FINISHED), (_J.FAILED_TOTAL, _ERROR),
            (_J.ABORTED, _CANCELED), (_J.ABORTED_PENDING, _CANCELING),
        )
    },
}  # fmt: skip
STEP_STATES: Mapping[StepState, int] = {
    _S.NONE: _QUEUED, _S.READY: _QUEUED, _S.WAITING: _SCHEDULED, _S.FINISHED: _FINISHED, _S.FAILED_FATAL: _ERROR,
    **dict.fromkeys(
        (_S.STARTED, _S.STARTED_ASYNCHRONOUS, _S.STARTED_PARALLEL, _S.STARTED_PARALLEL_ASYNCHRONOUS, _S.STARTED_SUBTASKS,
         _S.FAILED_RETRY, _S.DISAPPEARED), _PROCESSING),
}  # fmt: skip
#: What a priority of the core is, where no number was given.
PRIORITIES: Mapping[Priority, int] = {
    Priority.LOWEST: -20, Priority.LOW: -10, Priority.MEDIUM: 0, Priority.HIGH: 10, Priority.HIGHEST: 20, Priority.IMMEDIATE: 100,
}  # fmt: skip
#: State of the core → what it may be, by the stage.
_STATES_OF = {state.value: {JOB_STATES[state, stage] for stage in STAGES} for state in JobState}
#: As the statement of a list takes the two.
STATES_IN_SQL = {f"{state.value}/{stage}": number for (state, stage), number in JOB_STATES.items()}
PRIORITIES_IN_SQL = {priority.value: number for priority, number in PRIORITIES.items()}

#: The links of a job, and of a task, to assets.
ASSETS_OF_JOB = ("InputMediaAssets", "OutputMediaAssets")
#: The ids of what is no record.
JID, TID, CID = Key("Jobs", "nb:jid:UUID:"), Key("Tasks", "nb:tid:UUID:"), Key("Assets", "nb:cid:UUID:")
MPID, OPID = Key("MediaProcessors", "nb:mpid:UUID:"), Key("Operations", "nb:opid:UUID:")
#: The key of a job's only step, where it came through another face.
_WHOLE = 0


def priority_of(number: int) -> Priority:
    """Return the band that a number belongs to; IMMEDIATE is none that a number could ask for."""
    bands = [band for band, least in PRIORITIES.items() if least <= max(number, -20) and band is not Priority.IMMEDIATE]
    # From -19 to -1 it is LOW, which begins at -10 only where a number is made from it.
    return Priority.LOW if -20 < number < 0 else bands[-1]


def weight(number: int) -> int:
    """Return how far a number is above the one that its band is shown as."""
    return number - PRIORITIES[priority_of(number)]


def job_condition(expression: Expression, uuids: Uuids) -> Expression:
    """Return a condition on jobs as the store can ask it: an id becomes a number, a state those of the core."""

    def change(part: Expression) -> Expression | None:
        match part:
            case Comparison(left=Literal(), right=Field(name="Id" | "State")):
                return job_condition(turned(part), uuids)
            case Comparison(sign=Sign.EQUAL | Sign.UNEQUAL as sign, left=Field(name="Id"), right=Literal(value=value)):
                uuid = JID.read(value)
                number = uuids.job(uuid) if uuid is not None else None
                same = Among(Field("Id", Kind.NUMBER), (str(number or 0),))
                return same if sign is Sign.EQUAL else Negation(same)
            case Comparison(left=Field(name="State"), right=Literal()):
                return spread(part, "State", _STATES_OF, Field("JobState", Kind.TEXT))
            case Field(name="Id"):
                raise Invalid("$filter", "The Id of a job can be compared with a value by eq and ne only.")
            case _:
                return None

    return mapped(expression, change)


def job_row(row: JobRow, uuids: Uuids, unit: float = 1) -> Row:
    """Return a job as an entity; ``unit`` is how many units of a duration a second has."""
    job, document = row.job, row.document or {}
    return {
        "Id": JID.of(uuids.of_job(job.id)),
        "Name": document.get("Name", job.type),
        "Created": job.started,
        "LastModified": row.changed or job.started,
        "EndTime": job.finished,
        "Priority": PRIORITIES[job.priority] if row.number is None else row.number,
        "RunningDuration": _duration(row.began, job.finished, row.changed) * unit,
        "StartTime": row.began,
        "State": JOB_STATES[job.state, row.stage],
        **{name: document.get(name) for name in ("TemplateId", "JobNotificationSubscriptions", *ASSETS_OF_JOB)},
    }


def _duration(began: datetime | None, ended: datetime | None, now: datetime | None) -> float:
    until = ended or now
    return 0.0 if began is None or until is None else max((until - began).total_seconds(), 0.0)


def task_rows(row: JobRow, job: Job, events: Sequence[Event], uuids: Uuids, unit: float = 1) -> list[Row]:
    """Return the tasks of a job: its steps, where it was submitted as such, or one for a job of another face."""
    tasks, state = (row.document or {}).get("Tasks"), JOB_STATES[job.state, row.stage]
    if tasks is None:
        whole = {"Name": job.type, "Configuration": job.type, "TaskBody": "", "Priority": row.number, "State": state}
        return [_task(whole, task_uuid(uuids, job.id, _WHOLE), state, list(job.log or ()), events, unit)]
    found = []
    for place, task in enumerate(tasks):
        number = step_number(place)
        log = [attempt for attempt in job.log or () if attempt.step == number]
        mine = [event for event in events if event.step == number]
        found.append(_task(task, task_uuid(uuids, job.id, number), state, log, mine, unit))
    return found


def step_number(place: int) -> StepNumber:
    """Return the number of the step that a task becomes."""
    return StepNumber(10 * (place + 1))


def of_job(state: int, event: Event) -> int:
    """Return what the state of a job becomes by an event, of its own or of a step."""
    if event.step is not None:
        return _PROCESSING if event.new.startswith("STARTED") else state
    if event.new not in JobState.__members__:
        return state
    stage = min(state, 2) if event.new != "STARTED" else max(min(state, 2), 1)
    return JOB_STATES[JobState(event.new), stage]


def task_uuid(uuids: Uuids, job: JobId, step: int) -> UUID:
    """Return the id of a task: it tells of which job it is the step."""
    return uuids.of("task", job << 16 | step)


def task_state(step: int, job: int) -> int:
    """Return the state of a task by that of its step alone and by that of its job."""
    if step == _ERROR and job in (_CANCELED, _CANCELING):
        # It ended because it was told to.
        return _CANCELED
    if step in FINAL:
        return step
    # It is not to be carried out any more.
    return _CANCELED if job in FINAL else _CANCELING if job == _CANCELING else step


def _task(
    task: Mapping[str, Any], uuid: UUID, job: int, log: Sequence[Attempt], events: Sequence[Event], unit: float
) -> Row:
    state = task_state(task.get("State", STEP_STATES[log[-1].state] if log else _QUEUED), job)
    began = next((event.at for event in events if event.new.startswith("STARTED")), None)
    ended = events[-1].at if events and state in FINAL else None
    progress = log[-1].progress if log else None
    percent = 100.0 * progress.value / progress.total if progress and progress.total else 0.0
    failed = [attempt for attempt in log if attempt.error is not None]
    return {
        "Options": 0,
        "MediaProcessorId": None,
        **task,
        "Id": TID.of(uuid),
        "Priority": task.get("Priority") or 0,
        "State": state,
        "Progress": 100.0 if state == _FINISHED else min(percent, 100.0),
        "ErrorDetails": [_detail(attempt) for attempt in failed[-1:]] if state == _ERROR else [],
        "HistoricalEvents": [{**_detail(attempt), "TimeStamp": attempt.at} for attempt in failed],
        "RunningDuration": _duration(began, ended, events[-1].at if events else None) * unit,
        "StartTime": began,
        "EndTime": ended,
    }


def _detail(attempt: Attempt) -> Row:
    code = "ErrorProcessingTask"
    if attempt.state in (StepState.DISAPPEARED, StepState.FAILED_RETRY):
        code = "TransientError"
    return {"Code": code, "Message": attempt.error or ""}


def operation_row(operation: Operation, uuid: UUID) -> Row:
    """Return an operation as an entity."""
    reason = operation.reason
    code = next((code for words, code in _FAILURES if words in (reason or "")), "BadRequest")
    return {
        "Id": OPID.of(uuid),
        "State": {None: "InProgress", True: "Succeeded", False: "Failed"}[operation.succeeded],
        "TargetEntityId": operation.target,
        "ErrorCode": None if reason is None else code,
        "ErrorMessage": reason,
    }


#: What the sentence of a failure holds → the code that it has here.
_FAILURES = (
    ("not there", "ResourceNotFound"),
    ("longer than", "Timeout"),
    ("vanished", "InternalError"),
    ("canceled", "InvalidOperation"),
)

#: As jobs and tasks are told of.
TOLD = States(
    NAMES, (0, 1, 2, 4, 4, 4, 3), of_job, {state.value: number for state, number in STEP_STATES.items()}, task_state
)
