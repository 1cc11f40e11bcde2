"""What is submitted here → orders of the core: a job's tasks become its steps, their bodies the graph of these. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from vidijob.api.azure.translate import CID, MPID, priority_of, step_number, weight
from vidijob.binding import tree
from vidijob.engine.records import NewRecord
from vidijob.engine.submissions import Order
from vidijob.errors import Invalid
from vidijob.executors.names import uri_of
from vidijob.jobs.model import Origin, Watch
from vidijob.jobs.works import Making, Work, encoding, steps

FACE, ASSET, FILE = "azure", "asset", "file"
READ, WRITE = "_job_read", "_job_write"
ACCOUNT = "vidijob"
TYPE = "AZURE_MEDIA"
_MOST_TASKS = _MOST_ASSETS = 50
MOST_NAME, _LONGEST_CONFIGURATION = 4000, 100_000
#: A task goes on although another one has failed.
_DO_NOT_CANCEL = 4
_ASSET = re.compile(r"\s*(?:Job|Task)(Input|Output)Asset\((\d{1,3})\)\s*")
_HEIGHT = re.compile(r"(?<!\d)(\d{3,4})p", re.IGNORECASE)
_UNFIT = re.compile(r"[^\w.-]+")
#: What encodes here, by the names and ids that clients know.
PROCESSORS = {
    UUID("2e7aa8f3-4961-4e0c-b4db-0e0439e524f5"): ("Media Encoder Standard", "1.1"),
    UUID("ff4df607-d419-42f0-bc17-a481b1331e56"): ("Media Encoder Standard", "1.0"),
    UUID("70bdc2c3-ebf4-42a9-8542-5afc1e55d217"): ("Windows Azure Media Encoder", "3.7"),
    UUID("2f381738-c504-4e4a-a38e-d199e207fcd5"): ("Windows Azure Media Encoder", "2.0"),
}


@dataclass(frozen=True, slots=True)
class Source:
    """An asset that goes into a job, with the file in it that is read."""

    id: UUID
    uri: str


@dataclass(frozen=True, slots=True)
class Read:
    """What a task reads: an asset that goes into the job, or one that another task makes."""

    of_job: bool
    number: int


@dataclass(frozen=True, slots=True)
class TaskBody:
    """What a task reads, and what it makes: by the number of each output, how it is to be called."""

    inputs: Sequence[Read]
    outputs: Mapping[int, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Made:
    """An asset that a task makes."""

    id: UUID
    name: str
    options: int
    file: Path
    #: What is to be made, as job data of a transcode has it.
    encoding: str


def folder(root: Path, asset: UUID) -> Path:
    """Return where the files of an asset lie."""
    return root / "azure" / f"asset-{asset}"


def check_name(name: str) -> None:
    """Raise ``Invalid`` for what no job can be called."""
    if len(name) > MOST_NAME:
        raise Invalid("Name", f"The Name of a job has at most {MOST_NAME} characters.")


def job_order(
    values: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]], inputs: Sequence[Source], root: Path, owner: str
) -> Order:
    """Return the order of a job; raises ``Invalid`` for what cannot be carried out."""
    if not 1 <= len(tasks) <= _MOST_TASKS:
        raise Invalid("Tasks", f"A job has 1 to {_MOST_TASKS} tasks; this one has {len(tasks)}.")
    check_name(values.get("Name") or "")
    bodies = [read_body(task.get("TaskBody") or "") for task in tasks]
    made: dict[int, _Made] = {}
    for place, (task, body) in enumerate(zip(tasks, bodies, strict=True)):
        for number, one in _outputs(place, task, body, inputs, root):
            if made.setdefault(number, one) is not one:
                raise Invalid("TaskBody", f"JobOutputAsset({number}) is made by two tasks.")
    assets = [[_source(one, inputs, made) for one in body.inputs] for body in bodies]
    works = [
        Work(
            step_number(place),
            task.get("Name") or PROCESSORS[_processor(task)][0],
            [source.uri for source in read],
            [Making(uri_of(made[number].file), made[number].encoding) for number in body.outputs],
            critical=not (task.get("Options") or 0) & _DO_NOT_CANCEL,
        )
        for place, (task, body, read) in enumerate(zip(tasks, bodies, assets, strict=True))
    ]
    outputs = [made[number] for body in bodies for number in body.outputs]
    document = {
        **{name: value for name, value in values.items() if value is not None},
        "Name": values.get("Name") or "",
        "InputMediaAssets": [str(source.id) for source in inputs],
        "OutputMediaAssets": [str(one.id) for one in outputs],
        "Tasks": [
            {
                **task,
                "InputMediaAssets": [str(one.id) for one in read],
                "OutputMediaAssets": [str(made[number].id) for number in body.outputs],
            }
            for task, body, read in zip(tasks, bodies, assets, strict=True)
        ],
    }
    number = values.get("Priority") or 0
    followed = [one for task in tasks for one in task.get("TaskNotificationSubscriptions") or ()]
    watch = Watch.STATES if followed or values.get("JobNotificationSubscriptions") else Watch.NONE
    return Order(
        TYPE,
        priority_of(number),
        {"sourceUri": [source.uri for source in inputs], "destinationUri": [uri_of(one.file) for one in outputs]},
        origin=Origin(FACE, document, number, weight(number)),
        steps=steps(works),
        watch=Watch.PROGRESS if any(one.get("IncludeTaskProgress") for one in followed) else watch,
        records=[record for one in outputs for record in _records(one, owner)],
    )


def read_body(text: str) -> TaskBody:
    """Return what a task reads and makes; raises ``Invalid``."""
    if not text.strip():
        raise Invalid("TaskBody", "The TaskBody of a task says what it reads and what it makes; it is missing.")
    # It may claim to be UTF-16; inside of a text it is not.
    root = tree.read(text.strip().encode(), encoding="utf-8")
    inputs: list[Read] = []
    outputs: dict[int, Mapping[str, str]] = {}
    for child in root.children:
        match = _ASSET.fullmatch(child.text)
        if child.name == "inputAsset" and match is not None:
            inputs.append(Read(match[1] == "Input", int(match[2])))
        elif (
            child.name == "outputAsset" and match is not None and match[1] == "Output" and int(match[2]) not in outputs
        ):
            outputs[int(match[2])] = child.attributes
        else:
            raise Invalid("TaskBody", f"{child.name[:50]} of a taskBody cannot be {child.text[:100]!r} here.")
    if root.name != "taskBody" or not (1 <= len(inputs) <= _MOST_ASSETS and 1 <= len(outputs) <= _MOST_ASSETS):
        raise Invalid("TaskBody", f"A taskBody has 1 to {_MOST_ASSETS} inputAsset and as many outputAsset.")
    return TaskBody(inputs, outputs)


def read_template(text: str) -> list[tuple[str, str]]:
    """Return the tasks of a JobTemplateBody: the id of the template of each, and its TaskBody."""
    root = tree.read(text.strip().encode(), encoding="utf-8")
    bodies = []
    for one in root.children:
        if root.name != "jobTemplate" or one.name != "taskBody" or "taskTemplateId" not in one.attributes:
            raise Invalid("JobTemplateBody", "A jobTemplate has taskBody elements, each with its taskTemplateId.")
        parts = "".join(f"<{part.name}>{part.text.strip()}</{part.name}>" for part in one.children)
        body = f"<taskBody>{parts}</taskBody>"
        read_body(body)
        bodies.append((one.attributes["taskTemplateId"], body))
    if not bodies:
        raise Invalid("JobTemplateBody", "The template has no taskBody.")
    return bodies


def _source(one: Read, inputs: Sequence[Source], made: Mapping[int, _Made]) -> Source:
    if not one.of_job:
        if one.number not in made:
            raise Invalid("TaskBody", f"JobOutputAsset({one.number}) is made by no task.")
        return Source(made[one.number].id, uri_of(made[one.number].file))
    if one.number >= len(inputs):
        raise Invalid("TaskBody", f"JobInputAsset({one.number}) is not there: the job has {len(inputs)} input assets.")
    return inputs[one.number]


def _outputs(
    place: int, task: Mapping[str, Any], body: TaskBody, inputs: Sequence[Source], root: Path
) -> Iterator[tuple[int, _Made]]:
    """Yield what a task makes, by its numbers: each as the preset says, or where that has as many sizes, one in each, the largest
    first.
    """
    first = body.inputs[0]
    stem = f"output-{min(body.outputs)}"
    if first.of_job and first.number < len(inputs):
        stem = PurePosixPath(unquote(urlsplit(inputs[first.number].uri).path)).stem or stem
    for turn, (number, attributes) in enumerate(body.outputs.items()):
        made, extension = _encoding(task, turn, len(body.outputs))
        id, options = uuid4(), attributes.get("assetCreationOptions", "0")
        name = _UNFIT.sub("_", f"{stem}_{place}")[:100].lstrip(".") + f".{extension}"
        asset = attributes.get("assetName") or f"JobOutputAsset({number})"
        kind = int(options) if options.isascii() and options.isdecimal() and len(options) < 6 else 0
        yield number, _Made(id, asset, kind, folder(root, id) / name, made)


def _records(made: _Made, owner: str) -> list[NewRecord]:
    asset = asset_document({"Options": made.options}, made.file.parent)
    file = {"ParentAssetId": CID.of(made.id), "IsPrimary": True, "ContentFileSize": 0}
    return [
        NewRecord(FACE, ASSET, made.name, owner, asset, id=made.id),
        NewRecord(FACE, FILE, made.file.name, owner, file, parent=made.id, id=uuid4()),
    ]


def asset_document(values: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """Return what is kept of an asset whose files lie in a folder."""
    return {
        "State": 0, "AlternateId": None, "Options": 0, "FormatOption": 0, "StorageAccountName": ACCOUNT,
        **{name: value for name, value in values.items() if name != "Name"},
        "Uri": uri_of(where),
    }  # fmt: skip


def _processor(task: Mapping[str, Any]) -> UUID:
    text = str(task.get("MediaProcessorId"))
    id = next((id for id in PROCESSORS if text.lower() == MPID.of(id).lower()), None)
    if id is None:
        raise Invalid("MediaProcessorId", f"There is no media processor {text[:100]}; see MediaProcessors.")
    return id


def _encoding(task: Mapping[str, Any], turn: int, outputs: int) -> tuple[str, str]:
    """Return the order that a Configuration means for one of the outputs, and how the file ends: the name of a preset, or one in
    XML or JSON.
    """
    text = str(task.get("Configuration") or "")
    if len(text) > _LONGEST_CONFIGURATION:
        raise Invalid("Configuration", f"A Configuration has at most {_LONGEST_CONFIGURATION} characters.")
    _processor(task)
    name = text.strip()[:200]
    if name.upper().startswith("AAC") or "audio" in name.lower()[:40]:
        return encoding("m4a", picture=False), "m4a"
    height, sizes = _HEIGHT.search(name), _heights(text)
    pixels = int(height[1]) if height else sizes[turn if len(sizes) == outputs else 0] if sizes else 0
    return encoding("mp4", pixels // 2 * 2 if 2 <= pixels <= 4320 else None), "mp4"


def _heights(text: str) -> list[int]:
    """Return the heights that a preset names, the largest first; ``"Height": "720"`` or ``<Height>720</Height>``."""
    found = re.findall(r'"?\bHeight"?\s{0,5}[:=>]\s{0,5}"?(\d{2,4})\b', text)
    return sorted(map(int, found), reverse=True)
