"""What jobs need beside themselves: assets and files, templates, processors, notification end points, operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from vidijob.api.azure import documents as shapes
from vidijob.api.azure import messages, orders, translate
from vidijob.api.azure.call import WRITE, Answer, Ask, Fault, NoSegment, Segment, made, many, one
from vidijob.engine.listings import Wanted
from vidijob.engine.records import NewRecord, Record
from vidijob.engine.submissions import Order
from vidijob.errors import Invalid, NotFound
from vidijob.executors.names import uri_of
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Origin, Priority
from vidijob.odata.bodies import Object, checked
from vidijob.odata.formats import Body
from vidijob.odata.shapes import Row, Shape

FACE = orders.FACE
ASSET, FILE, TEMPLATE, TASK_TEMPLATE = "asset", "file", "template", "tasktemplate"
_DELETED = 2
_MOST_LINKED = 1000


@dataclass(frozen=True, slots=True)
class Kind:
    """A set whose entities are kept as they were sent."""

    shape: Shape
    #: Of the records, and of the ids.
    record: str
    id: str
    #: Reads what was sent into what is kept; raises ``Invalid``.
    make: Callable[[Ask, Object], Awaitable[Sequence[NewRecord]]]


async def listing(ask: Ask, kind: Kind) -> Answer:
    """GET a set: some of what is kept."""
    options = ask.options(kind.shape)
    rows, count = await _some(ask, kind, options.top)
    found = [translate.record_row(row, kind.id) for row in rows]
    return many(ask, kind.shape, found, count, options.select)


async def count(ask: Ask, kind: Kind) -> int:
    """GET a set's $count: how many there are."""
    _, counted = await _some(ask, kind, 0)
    return counted or 0


async def _some(ask: Ask, kind: Kind, top: int) -> tuple[list[Record], int | None]:
    options = ask.options(kind.shape)
    wanted = Wanted(options.condition, options.order, options.skip, top, options.counted or not top)
    return await ask.services.listings.records(FACE, kind.record, f"nb:{kind.id}:UUID:", wanted)


async def get(ask: Ask, kind: Kind, segments: Sequence[Segment]) -> Answer:
    """GET one, or one of its properties."""
    record = await kept(ask, kind, segments[0].key)
    row = translate.record_row(record, kind.id)
    if len(segments) == 1:
        return one(ask, kind.shape, row)
    inner = {"Files": FILES, "TaskTemplates": TASK_TEMPLATES}.get(segments[1].name)
    if inner is not None and segments[1].name in kind.shape.links and len(segments) == 2:
        options = ask.options(inner.shape)
        found = await ask.services.records.children(FACE, inner.record, [record.id])
        part = [translate.record_row(one_of, inner.id) for one_of in found][options.skip : options.skip + options.top]
        return many(ask, inner.shape, part, len(found) if options.counted else None, options.select)
    return await prop(ask, kind.shape, row, segments[1:])


async def post(ask: Ask, kind: Kind) -> Answer:
    """POST a set: keep another one."""
    ask.server.user.require(WRITE)
    records = await ask.services.records.add_all(await kind.make(ask, ask.entity()))
    if kind is ENDPOINTS:
        await ask.services.letters.send(
            messages.registration(records[0], "NotificationEndPointRegistration", "Registered")
        )
    return made(ask, kind.shape, translate.record_row(records[0], kind.id))


async def merge(ask: Ask, kind: Kind, key: str | None) -> Answer:
    """MERGE one: change what was sent; what is read-only is passed over."""
    record = await kept(ask, kind, key)
    ask.server.user.require(WRITE)
    if kind in (FILES, ASSETS, ENDPOINTS):
        values = checked(kind.shape, ask.entity())
        name = values.pop("Name", None)
        # A receiver stays what it was registered as; a file where it is.
        values = {each: value for each, value in values.items() if not each.startswith(("EndPoint", "Parent"))}
        await ask.services.records.change(FACE, kind.record, record.id, name, values)
        return Answer()
    raise Fault(400, "", f"A {kind.shape.name} cannot be changed; delete it and make another one.")


async def delete(ask: Ask, kind: Kind, key: str | None) -> Answer:
    """DELETE one. The files of an asset are deleted by a job: with ``Prefer: respond-async`` that is an operation."""
    record = await kept(ask, kind, key)
    ask.server.user.require(WRITE)
    if kind is ENDPOINTS:
        gone = messages.registration(record, "NotificationEndPointUnregistration", "Unregistered")
        await ask.services.letters.send(gone)
    if kind is ASSETS:
        return await _delete_asset(ask, record)
    await ask.services.records.remove(FACE, kind.record, record.id)
    return Answer()


async def _delete_asset(ask: Ask, asset: Record) -> Answer:
    target = translate.entity_id("cid", asset.id)
    if asset.document["State"] == _DELETED:
        raise Fault(400, "OperationInProgress", f"Another operation is in progress on {target}.")
    files = await ask.services.records.children(FACE, FILE, [asset.id])
    waits = "respond-async" in ask.headers.get("prefer", "")
    if not files or asset.document["AlternateId"]:
        await ask.services.records.remove(FACE, ASSET, asset.id)
        return Answer()
    uris = [_uri(ask, asset, file) for file in files]
    order = Order(
        "DELETE_FILE",
        Priority.MEDIUM,
        {"sourceUri": uris},
        origin=Origin(FACE, {"Name": "Delete asset", "TargetEntityId": target}),
    )
    (job,) = await ask.services.commands.submit_all(ask.server.user, [order])
    if not waits:
        await ask.services.records.remove(FACE, ASSET, asset.id)
        return Answer()
    await ask.services.records.change(FACE, ASSET, asset.id, None, {"State": _DELETED})
    operation = translate.entity_id("opid", ask.server.uuids.of_job(job.id))
    return Answer(202, None, {"operation-id": operation})


async def operation(ask: Ask, segments: Sequence[Segment]) -> Answer:
    """GET Operations('…'): how far a call is that was answered with 202."""
    key = segments[0].key or ""
    try:
        uuid = translate.parse_id(key, "opid")
    except NotFound:
        raise Fault(400, "InvalidIdentifierFormat", f"{key[:100]!r} is no id of an operation.") from None
    number = ask.server.uuids.job(uuid)
    missing = Fault(
        404, "OperationNotFound", f"The operation {key} is not found; it may have been removed after a time."
    )
    if number is None:
        raise missing
    try:
        job = await ask.services.insights.job(job_name(ask.server.site, number))
    except NotFound:
        raise missing from None
    origin = (await ask.services.insights.origins([job])).get(number)
    if origin is None or "TargetEntityId" not in origin.document:
        raise missing
    target = origin.document["TargetEntityId"]
    row = translate.operation_row(job, uuid, target)
    if row["State"] != "InProgress":
        await _conclude(ask, translate.parse_id(target, "cid"), row)
    return (
        one(ask, shapes.OPERATION, row) if len(segments) == 1 else await prop(ask, shapes.OPERATION, row, segments[1:])
    )


async def _conclude(ask: Ask, asset: UUID, row: Row) -> None:
    """Let what an operation was about be as that has ended; whoever asks again finds it so."""
    with suppress(NotFound):
        if row["State"] == "Succeeded":
            await ask.services.records.remove(FACE, ASSET, asset)
        else:
            await ask.services.records.change(FACE, ASSET, asset, None, {"State": 0})


async def prop(ask: Ask, shape: Shape, row: Row, rest: Sequence[Segment]) -> Answer:
    """Answer one property, as such or as plain text (``$value``)."""
    name, edm = rest[0].name, shape.properties.get(rest[0].name)
    if edm is None or len(rest) > 2 or (len(rest) == 2 and (rest[1].name != "$value" or edm.startswith("["))):
        raise NoSegment("Segment", rest[-1].name)
    value = row.get(name)
    if len(rest) == 1:
        return Answer(200, ask.writer.prop(name, edm, value))
    if value is None:
        raise NoSegment("Segment", name)
    return Answer(200, Body(str(value), "text/plain;charset=utf-8"))


async def processors(ask: Ask, segments: Sequence[Segment]) -> list[Row]:
    """Return the media processors, or the one that is asked for."""
    rows: list[Row] = [
        {"Id": translate.entity_id("mpid", id), "Description": name, "Name": name, "Sku": "", "Vendor": "Microsoft", "Version": version}
        for id, (name, version) in orders.PROCESSORS.items()
    ]  # fmt: skip
    if segments[0].key is None:
        return rows
    wanted = translate.entity_id("mpid", translate.parse_id(segments[0].key, "mpid"))
    found = [row for row in rows if row["Id"] == wanted]
    if not found:
        raise NotFound("MediaProcessors", wanted)
    return found


async def kept(ask: Ask, kind: Kind, key: str | None) -> Record:
    """Return what an id names; raises ``NotFound``."""
    return await ask.services.records.one(FACE, kind.record, translate.parse_id(key or "", kind.id))


async def assets(ask: Ask, wanted: Sequence[UUID]) -> list[Row]:
    """Return those of some assets that are still there."""
    found = await ask.services.records.there(FACE, ASSET, wanted)
    return [translate.record_row(record, "cid") for record in found]


async def sources(ask: Ask, wanted: Sequence[UUID]) -> list[orders.Source]:
    """Return the files of input assets that are read: the primary one of each, or its first."""
    if len(wanted) > _MOST_LINKED:
        raise Invalid("InputMediaAssets", f"A job has at most {_MOST_LINKED} input assets.")
    found = await ask.services.records.some(FACE, ASSET, wanted)
    files = await ask.services.records.children(FACE, FILE, wanted)
    sources = []
    for asset in found:
        mine = sorted(
            (file for file in files if file.parent == asset.id), key=lambda file: not file.document.get("IsPrimary")
        )
        if not mine and not _alternate(asset):
            raise Invalid("InputMediaAssets", f"The asset {translate.entity_id('cid', asset.id)} has no file.")
        sources.append(orders.Source(asset.id, _uri(ask, asset, mine[0] if mine else None)))
    return sources


def _alternate(asset: Record) -> str | None:
    """Return the file that an asset is made of, where it names one by ``AlternateId``: ``file:///…`` (ours)."""
    text = asset.document.get("AlternateId") or ""
    return text if text.startswith("file:///") else None


def _uri(ask: Ask, asset: Record, file: Record | None) -> str:
    alternate = _alternate(asset)
    if alternate is not None and file is None:
        return alternate
    assert file is not None
    return uri_of(orders.folder(ask.server.root, asset.id) / file.name)


async def endpoint(ask: Ask, text: str) -> Record:
    """Return the notification end point that a subscription names; raises ``Invalid``."""
    try:
        return await kept(ask, ENDPOINTS, text)
    except NotFound:
        raise Invalid("NotificationEndPointId", f"There is no notification end point {text[:100]}.") from None


async def template_tasks(ask: Ask, text: Any) -> list[Object]:
    """Return the tasks of a job that is made from a template; raises ``Invalid``."""
    try:
        record = await kept(ask, TEMPLATES, str(text))
    except NotFound:
        raise Invalid("TemplateId", f"There is no job template {str(text)[:100]}.") from None
    parts = await ask.services.records.children(FACE, TASK_TEMPLATE, [record.id])
    known = {translate.entity_id("ttid", part.id).lower(): part for part in parts}
    tasks = []
    for id, body in orders.read_template(record.document["JobTemplateBody"]):
        part = known[id.lower()]
        wanted = ("Configuration", "MediaProcessorId", "Options")
        tasks.append({"Name": part.name, "TaskBody": body, **{name: part.document.get(name) for name in wanted}})
    return tasks


async def _make_asset(ask: Ask, entity: Object) -> list[NewRecord]:
    values, id = checked(shapes.ASSET, entity), uuid4()
    kept_values = orders.asset_document(values, orders.folder(ask.server.root, id), messages.ACCOUNT)
    return [NewRecord(FACE, ASSET, values.get("Name") or "", ask.server.user.name, kept_values, id=id)]


async def _make_file(ask: Ask, entity: Object) -> list[NewRecord]:
    values = checked(shapes.FILE, entity)
    asset = translate.linked(values.get("ParentAssetId"), "cid")
    await ask.services.records.some(FACE, ASSET, [asset])
    name = values.pop("Name", None) or ""
    if not name.strip() or "/" in name or "\\" in name or name.startswith(".") or len(name.encode()) > 200:
        raise Invalid("Name", "The Name of a file is that of a file in the folder of its asset.", value=name[:100])
    return [NewRecord(FACE, FILE, name, ask.server.user.name, values, parent=asset)]


async def _make_endpoint(ask: Ask, entity: Object) -> list[NewRecord]:
    values = checked(shapes.ENDPOINT, entity)
    kind, address = values.get("EndPointType"), values.get("EndPointAddress") or ""
    if kind == messages.QUEUE:
        await ask.services.queues.make(address)
    elif kind == messages.WEBHOOK:
        if not address.startswith(("http://", "https://")) or len(address) > 2000:
            raise Invalid(
                "EndPointAddress", "The EndPointAddress of a web hook is an address to be called by http or https."
            )
        if values.get("ProtectionKeyId"):
            raise Invalid(
                "ProtectionKeyId", "Signing keys are sent as they are, in base64; there is no protection key."
            )
        messages.signing_key(values.get("EncryptedEndPointCredential"))
    else:
        raise Invalid("EndPointType", "EndPointType is 1 (a queue) or 3 (a web hook).", value=str(kind))
    return [NewRecord(FACE, messages.ENDPOINT, values.pop("Name", None) or "", ask.server.user.name, values)]


async def _make_template(ask: Ask, entity: Object) -> list[NewRecord]:
    given = entity.get("TaskTemplates") or []
    return template_records(ask, entity, given if isinstance(given, list) else [])


def template_records(ask: Ask, entity: Object, parts: Sequence[Object]) -> list[NewRecord]:
    """Return what is kept of a job template with its task templates; raises ``Invalid``."""
    values, id, owner = checked(shapes.JOB_TEMPLATE, entity), uuid4(), ask.server.user.name
    used = orders.read_template(values.get("JobTemplateBody") or "<jobTemplate/>")
    read = [checked(shapes.TASK_TEMPLATE, part) for part in parts]
    known = {str(part.get("Id")).lower(): part for part in read}
    missing = next((text for text, _ in used if text.lower() not in known), None)
    if missing is not None or len(known) != len(read):
        raise Invalid("taskTemplateId", f"There is no task template {missing}; each has an Id of its own.")
    inputs = {orders.read_body(body)[0] for _, body in used}
    about = {
        "NumberofInputAssets": sum(kind == "Input" for kind, _ in inputs),
        "TemplateType": values.get("TemplateType", 1),
    }
    records = [NewRecord(FACE, TEMPLATE, values.get("Name") or "", owner, {**values, **about}, id=id)]
    for part in read:
        their = translate.parse_id(str(part.pop("Id")), "ttid")
        records.append(NewRecord(FACE, TASK_TEMPLATE, part.pop("Name", None) or "", owner, part, parent=id, id=their))
    return records


async def _never(ask: Ask, entity: Object) -> list[NewRecord]:
    raise Fault(400, "", "A task template is made with its job template.")


ASSETS = Kind(shapes.ASSET, ASSET, "cid", _make_asset)
FILES = Kind(shapes.FILE, FILE, "cid", _make_file)
TEMPLATES = Kind(shapes.JOB_TEMPLATE, TEMPLATE, "jtid", _make_template)
TASK_TEMPLATES = Kind(shapes.TASK_TEMPLATE, TASK_TEMPLATE, "ttid", _never)
ENDPOINTS = Kind(shapes.ENDPOINT, messages.ENDPOINT, "nepid", _make_endpoint)
#: By the name of the set.
KINDS = {kind.shape.set: kind for kind in (ASSETS, FILES, TEMPLATES, TASK_TEMPLATES, ENDPOINTS)}
