"""Jobs ⇄ the words of ArcGIS: ids, states, types, messages, orders. Pure; the wire's words end here.

::

    READY, HOLD, WAITING before its start      SUBMITTED
    STARTED, VIDINET_JOB, WAITING after it     EXECUTING
    ABORTED_PENDING                            CANCELLING
    FINISHED, FINISHED_WARNING                 COMPLETED
    FAILED_TOTAL                               FAILED
    ABORTED                                    CANCELLED
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID

from vidijob.api.arcgis.documents import CustomAttributes, Inputs, Job, Object, Results
from vidijob.errors import Invalid, NotFound
from vidijob.jobs import model
from vidijob.jobs.states import ENDED, JobState, StepState
from vidijob.web.parameters import Parameters

#: (state, whether a step has begun) → status. That a job which waits or is queued again has run shows in its steps.
STATUS: Mapping[tuple[JobState, bool], str] = {
    **{(state, False): "SUBMITTED" for state in (JobState.READY, JobState.HOLD, JobState.WAITING)},
    **{(state, True): "EXECUTING" for state in (JobState.READY, JobState.HOLD, JobState.WAITING)},
    **{
        (state, begun): status
        for begun in (False, True)
        for state, status in (
            (JobState.STARTED, "EXECUTING"),
            (JobState.VIDINET_JOB, "EXECUTING"),
            (JobState.ABORTED_PENDING, "CANCELLING"),
            (JobState.FINISHED, "COMPLETED"),
            (JobState.FINISHED_WARNING, "COMPLETED"),
            (JobState.FAILED_TOTAL, "FAILED"),
            (JobState.ABORTED, "CANCELLED"),
        )
    },
}
#: How a page for people says it.
_IN_WORDS = {"SUBMITTED": "In Progress", "EXECUTING": "In Progress", "COMPLETED": "Completed"}
#: What a job of a type is called; others keep their name.
_TYPES = {
    "TRANSCODE": "Publish Streaming Service",
    "RAW_TRANSCODE": "Publish Streaming Service",
    "TRANSCODE_RANGE": "Export Clip",
    "EXPORT": "Export Clip",
    "THUMBNAIL": "Export Frameset",
}
#: The codes of the page's example that mean what a step of ours does; 0 for a step that it has no code for.
_CODES = {
    "Setting up": 117,
    "Performing media check": 154,
    "Analyzing media check": 157,
    "Performing media check of the result": 158,
    "Transcoding": 159,
    "Cleaning up": 163,
    "Transferring content": 206,
    "Finalizing": 118,
    "Finishing": 118,
}
#: What is wanted of a resolution: the height of the picture.
HEIGHTS = {"sd": 480, "hd": 720, "fhd": 1080, "uhd": 2160}
_FORMATS = ("mp4", "mov", "ts")
_NAME = re.compile(r"[^/\\\x00-\x1f]{1,100}")
_ID = re.compile(r"[ij][0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def job_id(uuid: UUID) -> str:
    """Return a job's id as this face knows it."""
    return f"j{uuid}"


def file_id(uuid: UUID) -> str:
    """Return the id of a registered file."""
    return f"i{uuid}"


def parse_id(text: str, letter: str, kind: str) -> UUID:
    """Read an id that begins with a letter; raises ``NotFound`` for what none can be."""
    if not _ID.fullmatch(text) or text[0] != letter:
        raise NotFound(kind, text)
    return UUID(text[1:])


def job_document(job: model.Job, uuid: UUID, kept: Mapping[str, Any]) -> Job:
    """Return what a job looks like; ``kept`` is what was kept of its submission here, empty for a job of another face."""
    begun = _begun(job)
    messages = [description for description, _ in begun]
    status = STATUS[job.state, bool(begun)]
    return Job(
        jobId=job_id(uuid),
        inputs=_inputs(job, kept),
        messages=messages,
        type=_TYPES.get(job.type, job.type),
        results=_results(job, kept) if status == "COMPLETED" else Results(),
        status=status,
        username=job.user,
        customAttributes=CustomAttributes(
            messageCodes=[_CODES.get(message, 0) for message in messages],
            savingToStorage=bool(kept) or "destinationUri" in job.data,
            newLayerId=kept.get("layerId", -1),
        ),
    )


def _begun(job: model.Job) -> list[tuple[str, StepState]]:
    """Return the steps that have begun, in order; where one made the job fail, it is the last.

    A clean-up that follows tells nothing of where it failed.
    """
    steps: dict[int, tuple[str, StepState]] = {}
    for attempt in sorted(job.log or (), key=lambda one: one.id):
        # Tried again, it is still one step, and where it was first.
        steps[attempt.step] = (attempt.description, attempt.state)
    begun = list(steps.values())
    failed = [place for place, (_, state) in enumerate(begun) if state is StepState.FAILED_FATAL]
    return begun[: failed[-1] + 1] if job.state is JobState.FAILED_TOTAL and failed else begun


def _inputs(job: model.Job, kept: Mapping[str, Any]) -> Inputs:
    first = {key: (values or [""])[0] for key, values in job.data.items()}
    return Inputs(
        serviceItemId=kept.get("serviceItemId", first.get("itemId", "")),
        requestedResolutions=kept.get("requestedResolutions", ""),
        fileIds=kept.get("fileIds", ",".join(job.data.get("sourceUri", ()))),
        serviceUrl=kept.get("serviceUrl", ""),
    )


def _results(job: model.Job, kept: Mapping[str, Any]) -> Results:
    made = next(iter(job.data.get("fileUri", ())), "")
    name = PurePosixPath(unquote(urlsplit(made).path)).stem
    return Results(
        layerId=kept.get("layerId", 0),
        layerName=kept.get("layerName", name),
        serviceName=kept.get("serviceName", name),
    )


def has_ended(job: model.Job) -> bool:
    """Tell whether nothing will happen to a job any more."""
    return job.state in ENDED


def named(text: str | None, key: str) -> str:
    """Return a name that a folder or file can have, or raise ``Invalid``."""
    if text is None or not _NAME.fullmatch(text) or text.startswith("."):
        raise Invalid(key, f"{key} is a name of 1 to 100 characters without slashes, and does not begin with a dot.")
    return text


def an_object(given: Parameters, key: str) -> Object:
    """Return a parameter that is an object in JSON, or raise ``Invalid``."""
    try:
        document = json.loads(given.text(key) or "")
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Invalid(key, f"{key} is an object in JSON.")
    return document


def layer_order(given: Parameters) -> Object:
    """Read what ``addLayer`` is to make; raises ``Invalid``."""
    wanted = an_object(given, "createParameters")
    source = wanted.get("dataSource")
    wanted = {**(source if isinstance(source, dict) else {}), **wanted}
    if wanted.get("type", "ondemand") != "ondemand":
        raise Invalid("type", "Only layers of the type ondemand can be added here; livestreams are not served.")
    files = wanted.get("fileIds")
    files = files.split(",") if isinstance(files, str) else files
    if not isinstance(files, list) or len(files) != 1 or not isinstance(files[0], str):
        raise Invalid("fileIds", "fileIds is the id of one file that was registered (uploads/register).")
    layer = wanted.get("id")
    if layer is not None and (not isinstance(layer, int) or isinstance(layer, bool) or not 0 <= layer < 100_000):
        raise Invalid("id", "id is the number of the new layer, from 0.")
    item = wanted.get("serviceItemId", "")
    return {
        "name": named(wanted.get("name") if isinstance(wanted.get("name"), str) else None, "name"),
        "fileIds": files[0].strip(),
        "requestedResolutions": _resolution(wanted.get("requestedResolutions"), "requestedResolutions"),
        "serviceItemId": item if isinstance(item, str) else "",
        "id": layer,
    }


def clip_order(given: Parameters) -> Object:
    """Read what ``clip`` is to make; raises ``Invalid``."""
    span = an_object(given, "timeRange")
    try:
        start, end = float(span["start"]), float(span["end"])
    except (KeyError, TypeError, ValueError):
        start = end = 0.0
    if not 0 <= start < end < 1e6:
        raise Invalid("timeRange", "timeRange has start and end in seconds, the end after the start.")
    if given.flag("async", False) is False:
        raise Invalid("async", "A clip is made by a job: send async=true and follow it.")
    form = (given.text("format") or "mp4").lower()
    if form not in _FORMATS:
        raise Invalid("format", f"format is one of {', '.join(_FORMATS)}.", value=form)
    given.number("expiry", 0, most=999_999_999)
    name = given.text("name")
    return {
        "start": f"{start:g}",
        "end": f"{end:g}",
        "format": form,
        "name": None if name is None else named(name, "name"),
        "requestedResolutions": _resolution(given.text("quality"), "quality"),
    }


def transcode(resolution: str, container: str) -> str:
    """Return the order of a transcode: H.264 and AAC, as high as the resolution says, or as the source is."""
    size = {"height": HEIGHTS[resolution]} if resolution else {}
    video = {"codec": "libx264", "options": {"preset": "veryfast"}, **size}
    return json.dumps({"container": container, "video": video, "audio": {"codec": "aac"}})


def _resolution(text: object, key: str) -> str:
    if text is None or text == "" or text == "native":
        return ""
    if not isinstance(text, str) or text.lower() not in HEIGHTS:
        raise Invalid(key, f"{key} is one of {', '.join(HEIGHTS)}.", value=str(text)[:100])
    return text.lower()


def page(document: Mapping[str, Any], title: str) -> str:
    """Return a document as a page for people."""
    shown = dict(document)
    if shown.get("status") in _IN_WORDS:
        shown["status"] = _IN_WORDS[shown["status"]]
    return (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title></head>'
        f"<body><h1>{html.escape(title)}</h1>{_items(shown)}</body></html>"
    )


def _items(value: object) -> str:
    if isinstance(value, Mapping):
        return "<dl>" + "".join(f"<dt>{html.escape(str(key))}</dt><dd>{_items(one)}</dd>" for key, one in value.items()) + "</dl>"  # fmt: skip
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "<ol>" + "".join(f"<li>{_items(one)}</li>" for one in value) + "</ol>"
    return html.escape("" if value is None else str(value))
