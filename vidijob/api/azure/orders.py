"""What is submitted here → orders of the core: a job's tasks become its steps, their bodies the graph of these. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import UUID, uuid4

from vidijob.api.azure.translate import entity_id, priority_of, step_number
from vidijob.binding import tree
from vidijob.engine.records import NewRecord
from vidijob.engine.submissions import Order
from vidijob.errors import Invalid
from vidijob.executors.names import uri_of
from vidijob.jobs.graph import PlannedStep
from vidijob.jobs.model import Origin, StepNumber, TaskDefinition

FACE = "azure"
TYPE = "AZURE_MEDIA"
_MOST_TASKS = 50
MOST_NAME, _LONGEST_CONFIGURATION = 4000, 100_000
#: A task goes on although another one has failed.
_DO_NOT_CANCEL = 4
_ASSET = re.compile(r"\s*(Job|Task)(Input|Output)Asset\((\d{1,3})\)\s*")
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
class _Made:
    """An asset that a task makes."""

    id: UUID
    task: int
    name: str
    options: int
    file: Path


def folder(root: Path, asset: UUID) -> Path:
    """Return where the files of an asset lie."""
    return root / "azure" / f"asset-{asset}"


def job_order(
    values: Mapping[str, Any],
    tasks: Sequence[Mapping[str, Any]],
    inputs: Sequence[Source],
    root: Path,
    owner: str,
    account: str,
) -> Order:
    """Return the order of a job; raises ``Invalid`` for what cannot be carried out."""
    if not 1 <= len(tasks) <= _MOST_TASKS:
        raise Invalid("Tasks", f"A job has 1 to {_MOST_TASKS} tasks; this one has {len(tasks)}.")
    if len(values.get("Name") or "") > MOST_NAME:
        raise Invalid("Name", f"The Name of a job has at most {MOST_NAME} characters.")
    bodies = [read_body(task.get("TaskBody") or "") for task in tasks]
    made: dict[int, _Made] = {}
    for place, (_, output, attributes) in enumerate(bodies):
        if output in made:
            raise Invalid("TaskBody", f"JobOutputAsset({output}) is made by two tasks.")
        made[output] = _made(place, attributes, tasks[place], bodies[place], inputs, root)
    needs = {place: _producers(place, body[0], made, len(inputs)) for place, body in enumerate(bodies)}
    try:
        TopologicalSorter(needs).prepare()
    except CycleError:
        raise Invalid("TaskBody", "The tasks wait for each other in a circle.") from None
    sources = [_uri(body[0], made, inputs) for body in bodies]
    outputs = [made[body[1]] for body in bodies]
    steps = [
        PlannedStep(
            TaskDefinition(
                StepNumber(step_number(place)),
                (task.get("Name") or PROCESSORS[_processor(task)][0])[:200],
                "task",
                "run",
                critical=not (task.get("Options") or 0) & _DO_NOT_CANCEL,
                metadata={"order": json.dumps(_work(task, sources[place], outputs[place].file))},
            ),
            len(needs[place]),
            None,
            tuple(StepNumber(step_number(other)) for other in needs if place in needs[other]),
            (),
        )
        for place, task in enumerate(tasks)
    ]
    document = {
        **{name: value for name, value in values.items() if value is not None},
        "Name": values.get("Name") or "",
        "InputMediaAssets": [str(source.id) for source in inputs],
        "OutputMediaAssets": [str(one.id) for one in outputs],
        "Tasks": [
            {**task, "Inputs": [str(_asset(body[0], made, inputs))], "Outputs": [str(made[body[1]].id)]}
            for task, body in zip(tasks, bodies, strict=True)
        ],
    }
    number = values.get("Priority") or 0
    return Order(
        TYPE,
        priority_of(number),
        {"sourceUri": [source.uri for source in inputs], "destinationUri": [uri_of(one.file) for one in outputs]},
        origin=Origin(FACE, document, number),
        steps=steps,
        watched=bool(values.get("JobNotificationSubscriptions")),
        records=[record for one in outputs for record in _records(one, owner, account)],
    )


def read_body(text: str) -> tuple[tuple[str, int], int, Mapping[str, str]]:
    """Return what a task reads (``Input`` or ``Output`` of the job, and which), what it makes, and how that is to be called."""
    if not text.strip():
        raise Invalid("TaskBody", "The TaskBody of a task says what it reads and what it makes; it is missing.")
    # It may claim to be UTF-16; inside of a text it is not.
    root = tree.read(text.strip().encode(), encoding="utf-8")
    found: dict[str, list[tuple[str, int, Mapping[str, str]]]] = {"inputAsset": [], "outputAsset": []}
    for child in root.children:
        match = _ASSET.fullmatch(child.text)
        if child.name not in found or match is None:
            raise Invalid("TaskBody", f"{child.name[:50]} of a taskBody cannot be {child.text[:100]!r}.")
        found[child.name].append((match[2], int(match[3]), child.attributes))
    if root.name != "taskBody" or len(found["inputAsset"]) != 1 or len(found["outputAsset"]) != 1:
        raise Invalid("TaskBody", "A taskBody has one inputAsset and one outputAsset here.")
    ((kind, number, _),) = found["inputAsset"]
    ((made, output, attributes),) = found["outputAsset"]
    if made != "Output":
        raise Invalid("TaskBody", "The outputAsset of a taskBody is JobOutputAsset(n).")
    return (kind, number), output, attributes


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


def _producers(place: int, needed: tuple[str, int], made: Mapping[int, _Made], inputs: int) -> tuple[int, ...]:
    kind, number = needed
    if kind == "Input":
        if number >= inputs:
            raise Invalid("TaskBody", f"JobInputAsset({number}) is not there: the job has {inputs} input assets.")
        return ()
    if number not in made:
        raise Invalid("TaskBody", f"JobOutputAsset({number}) is made by no task.")
    return (made[number].task,)


def _uri(needed: tuple[str, int], made: Mapping[int, _Made], inputs: Sequence[Source]) -> str:
    kind, number = needed
    return inputs[number].uri if kind == "Input" else uri_of(made[number].file)


def _asset(needed: tuple[str, int], made: Mapping[int, _Made], inputs: Sequence[Source]) -> UUID:
    kind, number = needed
    return inputs[number].id if kind == "Input" else made[number].id


def _made(
    place: int,
    attributes: Mapping[str, str],
    task: Mapping[str, Any],
    body: tuple[tuple[str, int], int, Mapping[str, str]],
    inputs: Sequence[Source],
    root: Path,
) -> _Made:
    (kind, number), output, _ = body
    stem = f"output-{output}"
    if kind == "Input" and number < len(inputs):
        stem = PurePosixPath(unquote(urlsplit(inputs[number].uri).path)).stem or stem
    _, extension = _encoding(task)
    id = uuid4()
    name = _UNFIT.sub("_", f"{stem}_{place}")[:100].lstrip(".") + f".{extension}"
    options = attributes.get("assetCreationOptions", "0")
    return _Made(
        id,
        place,
        attributes.get("assetName") or f"JobOutputAsset({output})",
        int(options) if options.isascii() and options.isdecimal() and len(options) < 6 else 0,
        folder(root, id) / name,
    )


def _records(made: _Made, owner: str, account: str) -> list[NewRecord]:
    asset = asset_document({"Options": made.options}, made.file.parent, account)
    file = {"ParentAssetId": entity_id("cid", made.id), "IsPrimary": True, "ContentFileSize": 0}
    return [
        NewRecord(FACE, "asset", made.name, owner, asset, id=made.id),
        NewRecord(FACE, "file", made.file.name, owner, file, parent=made.id, id=uuid4()),
    ]


def asset_document(values: Mapping[str, Any], where: Path, account: str) -> dict[str, Any]:
    """Return what is kept of an asset whose files lie in a folder."""
    return {
        "State": 0, "AlternateId": None, "Options": 0, "FormatOption": 0, "StorageAccountName": account,
        **{name: value for name, value in values.items() if name != "Name"},
        "Uri": uri_of(where),
    }  # fmt: skip


def _processor(task: Mapping[str, Any]) -> UUID:
    text = str(task.get("MediaProcessorId"))
    id = next((id for id in PROCESSORS if text.lower() == entity_id("mpid", id).lower()), None)
    if id is None:
        raise Invalid("MediaProcessorId", f"There is no media processor {text[:100]}; see MediaProcessors.")
    return id


def _work(task: Mapping[str, Any], source: str, destination: Path) -> dict[str, list[str]]:
    """Return the job data of the work that a task is."""
    order, _ = _encoding(task)
    # The folder is the asset's own: what an attempt that was killed has left there is in nobody's way.
    return {
        "sourceUri": [source],
        "destinationUri": [uri_of(destination)],
        "transcodeJob": [order],
        "overwrite": ["true"],
    }


def _encoding(task: Mapping[str, Any]) -> tuple[str, str]:
    """Return the order that a Configuration means, and how the file ends: the name of a preset, or one in XML or JSON."""
    text = str(task.get("Configuration") or "")
    if len(text) > _LONGEST_CONFIGURATION:
        raise Invalid("Configuration", f"A Configuration has at most {_LONGEST_CONFIGURATION} characters.")
    _processor(task)
    name = text.strip()[:200]
    if name.upper().startswith("AAC") or "audio" in name.lower()[:40]:
        return json.dumps({"container": "m4a", "audio": {"codec": "aac"}}), "m4a"
    height = _HEIGHT.search(name)
    pixels = int(height[1]) if height else next(iter(_heights(text)), None)
    size = {} if pixels is None or not 2 <= pixels <= 4320 else {"height": pixels // 2 * 2}
    video = {"codec": "libx264", "options": {"preset": "veryfast"}, **size}
    return json.dumps({"container": "mp4", "video": video, "audio": {"codec": "aac"}}), "mp4"


def _heights(text: str) -> list[int]:
    """Return the heights that a preset names, the largest first; ``"Height": "720"`` or ``<Height>720</Height>``."""
    found = re.findall(r'"?\bHeight"?\s{0,5}[:=>]\s{0,5}"?(\d{2,4})\b', text)
    return sorted(map(int, found), reverse=True)
