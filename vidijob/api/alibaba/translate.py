"""The words of this face and those of the domain, both ways. Pure; it knows no HTTP.

A bucket is a folder of the storage, an object a path in it, a template a preset; a job of this face is one of the type
TRANSCODE whose data ``queue`` names its pipeline.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from vidijob.api.alibaba import documents as wire
from vidijob.api.alibaba.faults import Fault
from vidijob.executors.buckets import Buckets, check_bucket, decoded, encoded
from vidijob.jobs.identity import Uuids
from vidijob.jobs.model import Job, JobData, JobId, Origin, Priority
from vidijob.jobs.states import JobState

FACE = "mps"
JOB_TYPE = "TRANSCODE"
#: The key of job data that names the pipeline.
QUEUE = "queue"

SUBMITTED, TRANSCODING = "Submitted", "Transcoding"
SUCCESS, FAIL, CANCELLED = "TranscodeSuccess", "TranscodeFail", "TranscodeCancelled"

#: What each state is called here: before a step of the job has begun, and after that.
STATES: Mapping[JobState, tuple[str, str]] = {
    JobState.HOLD: (SUBMITTED, SUBMITTED),
    JobState.READY: (SUBMITTED, TRANSCODING),
    JobState.WAITING: (SUBMITTED, TRANSCODING),
    JobState.STARTED: (TRANSCODING, TRANSCODING),
    JobState.VIDINET_JOB: (TRANSCODING, TRANSCODING),
    JobState.ABORTED_PENDING: (CANCELLED, TRANSCODING),
    JobState.FINISHED: (SUCCESS, SUCCESS),
    JobState.FINISHED_WARNING: (SUCCESS, SUCCESS),
    JobState.FAILED_TOTAL: (FAIL, FAIL),
    JobState.ABORTED: (CANCELLED, CANCELLED),
}

#: Why a job cannot be cancelled, by the state that it is in here; of one that is cancelled already that is no error.
UNCANCELLABLE: Mapping[str, str] = {
    TRANSCODING: "PermissionDenied.JobInRunning",
    SUCCESS: "PermissionDenied.JobInComplete",
    FAIL: "PermissionDenied.JobInFailure",
}

#: Which numbers a priority has here, the one first that a job has whose priority was not given as a number.
PRIORITIES: Mapping[Priority, tuple[int, ...]] = {
    Priority.LOWEST: (1, 2),
    Priority.LOW: (3, 4),
    Priority.MEDIUM: (6, 5),
    Priority.HIGH: (8, 7),
    Priority.HIGHEST: (10, 9),
    # Never asked for by a number.
    Priority.IMMEDIATE: (10,),
}
DEFAULT_PRIORITY = 6
_BY_NUMBER = {
    number: priority
    for priority, numbers in PRIORITIES.items()
    if priority is not Priority.IMMEDIATE
    for number in numbers
}

_HEX = re.compile(r"[0-9a-f]{32}")
_LONGEST_USER_DATA = 1024
#: What an output can say here; anything else would change what is made, and is refused unless it is empty.
_OUTPUT_KEYS = frozenset({"OutputObject", "TemplateId", "Priority", "UserData"})


def shown_state(job: Job) -> str:
    """Return what the state of a job is called here."""
    return STATES[job.state][job.current_step is not None]


def core_states(name: str) -> list[JobState]:
    """Return the states that may be called so; raises ``Fault``."""
    found = [state for state, names in STATES.items() if name in names]
    if not found:
        raise Fault("InvalidParameter.InvalidState", "State")
    return found


def core_priority(number: int) -> Priority:
    """Return the priority of a number from 1 to 10; raises ``Fault``."""
    if number not in _BY_NUMBER:
        raise Fault("InvalidParameter.OutOfRange", "Priority")
    return _BY_NUMBER[number]


def job_id(uuids: Uuids, job: JobId) -> str:
    """Return the id of a job here: 32 hexadecimal digits."""
    return uuids.of_job(job).hex


def core_id(uuids: Uuids, text: str, name: str) -> JobId:
    """Return the job that an id can be of; raises ``Fault``."""
    job = uuids.job(UUID(hex=check_id(text, name)))
    if job is None:
        raise Fault("InvalidParameter.ResourceNotFound", text)
    return job


def check_id(text: str, name: str) -> str:
    """Return an id that has the right form; raises ``Fault``."""
    if not _HEX.fullmatch(text):
        raise Fault("InvalidParameter.UUIDFormatInvalid", name)
    return text


def bucket(given: object, name: str) -> str:
    """Return the name of a bucket; raises ``Fault`` or ``Invalid``."""
    return check_bucket(_text(given, name), name)


def path(given: object, name: str) -> str:
    """Return the path that an object is in its bucket; raises ``Fault`` or ``Invalid``."""
    return decoded(_text(given, name), name)


@dataclass(frozen=True, slots=True)
class WantedOutput:
    """One output that was asked for."""

    path: str
    template: str
    #: As it was sent; ``None``: it was not.
    number: int | None
    user_data: str | None

    @property
    def priority(self) -> Priority:
        """The priority of its job."""
        return core_priority(DEFAULT_PRIORITY if self.number is None else self.number)

    @property
    def weight(self) -> int:
        """How far its number is above the one that its priority is shown as."""
        return 0 if self.number is None else self.number - PRIORITIES[self.priority][0]


def output(given: object, source: str) -> WantedOutput:
    """Read one output of ``Outputs``; placeholders in its object stand for the source's. Raises ``Fault``."""
    if not isinstance(given, dict):
        raise Fault("InvalidParameter.JsonObjectFormatInvalid", "Outputs")
    for key, value in given.items():
        if key not in _OUTPUT_KEYS and value not in (None, "", [], {}):
            raise Fault("InvalidParameter.NotSupported", f"Outputs.{key}")
    user_data = given.get("UserData")
    if user_data is not None and len(_text(user_data, "UserData", empty=True).encode()) > _LONGEST_USER_DATA:
        raise Fault("InvalidParameter.OutOfRange", "UserData")
    wanted = WantedOutput(
        path(_filled(given.get("OutputObject"), source), "OutputObject"),
        _text(given.get("TemplateId"), "TemplateId"),
        None if given.get("Priority") in (None, "") else number(given["Priority"], "Priority"),
        None if user_data is None else str(user_data),
    )
    core_priority(DEFAULT_PRIORITY if wanted.number is None else wanted.number)
    return wanted


def _filled(text: object, source: str) -> object:
    if not isinstance(text, str):
        return text
    folder, _, name = source.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    values = {
        "ObjectPrefix": folder + "/" if folder else "",
        "FileName": stem if dot else name,
        "ExtName": dot + ending if dot else "",
    }
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", encoded(value))
    return text


def number(given: object, name: str) -> int:
    """Return a whole number, which may be spelt as a text; raises ``Fault``."""
    text = str(given) if isinstance(given, int) and not isinstance(given, bool) else given
    if not isinstance(text, str) or not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise Fault("InvalidParameter.NumberFormatInvalid", name)
    return int(text)


def _text(given: object, name: str, *, empty: bool = False) -> str:
    if given is None:
        raise Fault("InvalidParameter.NullValue", name)
    if not isinstance(given, str):
        raise Fault("InvalidParameter", f"{name}: it is a text")
    if not given and not empty:
        raise Fault("InvalidParameter.EmptyValue", name)
    return given


def moment(text: str, name: str) -> datetime:
    """Read a time, ``2014-01-10T12:00:00Z``; raises ``Fault``."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise Fault("InvalidParameter", f"{name}: a time is 2014-01-10T12:00:00Z") from None


def job(found: Job, origin: Origin | None, uuids: Uuids, buckets: Buckets) -> wire.Job:
    """Return what is told of a job, whichever face it was submitted by."""
    state = shown_state(found)
    sent = origin.document if origin is not None and origin.face == FACE else {}
    priority = origin.priority if origin is not None and origin.face == FACE else None
    failed = state == FAIL
    return wire.Job(
        job_id=job_id(uuids, found.id),
        state=state,
        percent=_percent(found, state),
        pipeline_id=_first(found.data, QUEUE),
        creation_time=_time(found.started),
        submit_time=_time(found.started),
        finish_time=None if found.finished is None else _time(found.finished),
        code=FAIL if failed else None,
        message=(_first(found.data, "errorMessage") or "") if failed else None,
        input=_file(sent.get("Input"), _first(found.data, "sourceUri"), buckets),
        output=wire.Output(
            output_file=_file(sent.get("OutputFile"), _first(found.data, "destinationUri"), buckets),
            template_id=_first(found.data, "tag"),
            user_data=sent.get("UserData"),
            priority=str(priority or PRIORITIES[found.priority][0]),
        ),
    )


def _file(sent: Mapping[str, str] | None, uri: str | None, buckets: Buckets) -> wire.File | None:
    if sent is not None:
        return wire.File(bucket=sent["Bucket"], location=sent.get("Location"), object=sent["Object"])
    place = None if uri is None else buckets.place(uri)
    return None if place is None else wire.File(bucket=place[0], object=encoded(place[1]))


def _percent(found: Job, state: str) -> int:
    if state == SUCCESS:
        return 100
    told = _first(found.data, "transcodeProgress") or ""
    # What remains to be checked and put into place is the last percent.
    return min(int(float(told)), 99) if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,9})?", told) else 0


def _first(data: JobData, key: str) -> str | None:
    return next(iter(data.get(key, ())), None)


def _time(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
