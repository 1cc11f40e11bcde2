"""The operations of the face: each reads what was sent, asks the engine, and answers a document."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import web

from vidijob.access import ADMINISTRATOR, User
from vidijob.api.arcgis import documents, token, translate
from vidijob.engine.insights import LONG, Listing
from vidijob.engine.records import NewRecord, Record
from vidijob.engine.submissions import Order as Submission
from vidijob.errors import Invalid, NotFound, NotImplementedHere
from vidijob.executors.names import uri_of
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import JobData, Origin, Priority
from vidijob.jobs.search import Filter, Order, SortField
from vidijob.web import addresses, keys
from vidijob.web.keys import Services
from vidijob.web.parameters import Parameters

FACE = "arcgis"
_LAYER, _FILE = "layer", "file"
#: What an unset number of jobs is.
_SOME = 100


@dataclass(frozen=True, slots=True)
class Call:
    """What a handler is given."""

    #: Whoever has logged in; nobody where the route is open to all.
    user: User
    path: Mapping[str, str]
    #: Of the query and of the form; where both have a name, that of the form counts.
    given: Parameters
    services: Services
    _request: web.Request = field(repr=False)

    @property
    def site(self) -> str:
        """Return the site whose jobs these are."""
        return self._request.app[keys.SITE]

    @property
    def headers(self) -> Mapping[str, str]:
        """Return the headers of the request."""
        return self._request.headers

    @property
    def secure(self) -> bool:
        """Tell whether it came by https."""
        return self.url("").startswith("https:")

    @property
    def root(self) -> Path:
        """Return the folder that files of this face lie in, or raise ``NotImplementedHere``."""
        root = self._request.app.get(keys.STORAGE_ROOT)
        if root is None:
            raise NotImplementedHere("This server has no storage root, so there is no place for layers.")
        return root

    def url(self, path: str) -> str:
        """Return the absolute URL of a path below ``/arcgis``."""
        return f"{addresses.base(self._request)}/arcgis{path}"


Handler = Callable[[Call], Awaitable[Mapping[str, Any]]]


async def info(call: Call) -> documents.Object:
    """Tell which server this is, and where tokens are had."""
    return {
        "currentVersion": 12.0,
        "fullVersion": "12.0.0",
        "owningSystemUrl": call.url(""),
        "authInfo": {"isTokenBasedSecurity": True, "tokenServicesUrl": call.url("/tokens/generateToken")},
    }


async def generate_token(call: Call) -> documents.Token:
    """Issue a token for a name and password."""
    return await token.generate(call.services.accounts, call.given, secure=call.secure)


async def community_self(call: Call) -> documents.Object:
    """Tell whose token it is."""
    role = "org_admin" if call.user.has(ADMINISTRATOR) else "org_user"
    return {"username": call.user.name, "fullName": call.user.name, "role": role, "privileges": sorted(call.user.roles)}


async def jobs(call: Call) -> documents.Jobs:
    """List jobs, the newest first: ``num`` of them from ``start`` (from 1)."""
    first, number = call.given.number("start", 1, least=1), call.given.number("num", _SOME, least=1, most=LONG)
    newest = [Order(SortField.ID, descending=True)]
    page = await call.services.insights.page(Listing(Filter(), newest, first, number))
    uuids = await call.services.identities.uuids()
    ids = [translate.job_id(uuids.of_job(job.id)) for job in page.jobs]
    return documents.Jobs(asyncJobs=ids, jobs=ids)


async def job(call: Call) -> documents.Job:
    """Show one job."""
    uuid = translate.parse_id(call.path["id"], "j", "Job")
    number = (await call.services.identities.uuids()).job(uuid)
    if number is None:
        raise NotFound("Job", call.path["id"])
    try:
        found = await call.services.insights.job(job_name(call.site, number))
    except NotFound:
        raise NotFound("Job", call.path["id"]) from None
    origin = (await call.services.insights.origins([found])).get(number)
    kept = origin.document if origin is not None and origin.face == FACE else {}
    return translate.job_document(found, uuid, kept)


async def register(call: Call) -> documents.Registered:
    """Give a file an id: one that is there already (``file:///…``), or one that is going to be put into a folder of its own."""
    name = call.given.text("fileName")
    if name is None:
        raise Invalid("fileName", "fileName names the file: file:///… below a storage root, or a name it will have.")
    id = uuid4()
    uri = (
        name
        if ":" in name
        else uri_of(call.root / "uploads" / translate.file_id(id) / translate.named(name, "fileName"))
    )
    kept = {"uri": uri, "description": call.given.text("description") or ""}
    added = await call.services.records.add_all([NewRecord(FACE, _FILE, name, call.user.name, kept, id=id)])
    return documents.Registered(
        date=int(added[0].created.timestamp() * 1000),
        fileName=name,
        committed=":" in name,
        fileId=translate.file_id(id),
    )


async def add_layer(call: Call) -> documents.Submitted:
    """Make a layer of a file: it is transcoded into the folder of its service."""
    wanted = translate.layer_order(call.given)
    service = translate.named(call.path["service"], "serviceName")
    file = await call.services.records.one(FACE, _FILE, translate.parse_id(wanted["fileIds"], "i", "File"))
    resolution = wanted["requestedResolutions"]
    data: JobData = {
        "sourceUri": [file.document["uri"]],
        "transcodeJob": [translate.transcode(resolution, "mp4")],
        "destinationUri": [uri_of(call.root / "services" / service / f"{uuid4()}.mp4")],
    }
    layer = await _layer(call, service, wanted, {"source": file.document["uri"]})
    kept = {
        "serviceItemId": wanted["serviceItemId"],
        "requestedResolutions": resolution,
        "fileIds": wanted["fileIds"],
        "serviceUrl": call.url(f"/rest/services/{service}/VideoServer"),
        "layerId": layer.document["id"],
        "layerName": wanted["name"],
        "serviceName": service,
    }
    return await _submit(call, "RAW_TRANSCODE", data, kept)


async def clip(call: Call) -> documents.Submitted:
    """Make a file of a part of a layer."""
    wanted = translate.clip_order(call.given)
    service, number = call.path["service"], call.path["layer"]
    key = f"{service}/{int(number)}" if number.isascii() and number.isdecimal() else number
    layer = await call.services.records.keyed(FACE, _LAYER, key)
    if layer is None:
        raise NotFound("Layer", f"{service}/{number}")
    name = f"{wanted['name'] or uuid4()}.{wanted['format']}"
    data: JobData = {
        "sourceUri": [layer.document["source"]],
        "transcodeJob": [translate.transcode(wanted["requestedResolutions"], wanted["format"])],
        "destinationUri": [uri_of(call.root / "services" / service / "clips" / name)],
        "startTime": [wanted["start"]],
        "endTime": [wanted["end"]],
    }
    kept = {
        "requestedResolutions": wanted["requestedResolutions"],
        "serviceUrl": call.url(f"/rest/services/{service}/VideoServer"),
        "layerId": layer.document["id"],
        "layerName": layer.name,
        "serviceName": service,
    }
    return await _submit(call, "TRANSCODE_RANGE", data, kept)


async def _layer(call: Call, service: str, wanted: Mapping[str, Any], kept: Mapping[str, Any]) -> Record:
    """Enter a layer under the number that was asked for, or the next that is free."""
    records = call.services.records
    number = wanted["id"] if wanted["id"] is not None else await records.count(FACE, _LAYER, f"{service}/")
    while True:
        document = {**kept, "id": number}
        new = NewRecord(FACE, _LAYER, wanted["name"], call.user.name, document, key=f"{service}/{number}")
        added = await records.add(new)
        if added is not None:
            return added
        if wanted["id"] is not None:
            raise Invalid("id", f"The service {service} has a layer {number} already.", value=str(number))
        number += 1


async def _submit(call: Call, type: str, data: JobData, kept: Mapping[str, Any]) -> documents.Submitted:
    order = Submission(type, Priority.MEDIUM, data, origin=Origin(FACE, kept))
    (made,) = await call.services.commands.submit_all(call.user, [order])
    uuids = await call.services.identities.uuids()
    return documents.Submitted(jobId=translate.job_id(uuids.of_job(made.id)), success=True)
