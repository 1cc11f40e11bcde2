"""Assets and their files, and the operations that delete them. An asset is a folder; its files are those that are entered."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from urllib.parse import unquote
from uuid import UUID, uuid4

from vidijob.api.azure import documents as shapes
from vidijob.api.azure import orders, translate
from vidijob.api.azure.translate import CID, OPID
from vidijob.engine.records import NewRecord, Record
from vidijob.engine.submissions import Order
from vidijob.errors import Invalid, NotFound
from vidijob.executors.names import uri_of
from vidijob.jobs.model import JobId, Priority
from vidijob.odata.bodies import Object, checked
from vidijob.odata.query import Options
from vidijob.odata.shapes import Row
from vidijob.web.odata.calls import Answer, Ask, Fault, Page
from vidijob.web.odata.kept import KeptSet
from vidijob.web.odata.sets import EntitySet

_DELETED = 2
_MOST_LINKED = 1000


class Files(KeptSet):
    """The files of assets."""

    # It stays where it is.
    fixed = frozenset({"ParentAssetId", "Name"})

    def __init__(self) -> None:
        super().__init__(orders.FACE, orders.FILE, shapes.FILE, CID)

    async def drafts(self, ask: Ask, entity: Object, inner: Sequence[Object]) -> list[NewRecord]:
        """Return what is kept of a file."""
        values = checked(self.shape, entity)
        asset = CID.linked(values.get("ParentAssetId"))
        await ask.services.records.some(self.face, orders.ASSET, [asset])
        name = values.pop("Name", None) or ""
        if not name.strip() or "/" in name or "\\" in name or name.startswith(".") or len(name.encode()) > 200:
            raise Invalid("Name", "The Name of a file is that of a file in the folder of its asset.", value=name[:100])
        return [NewRecord(self.face, self.kind, name, ask.user.name, values, parent=asset)]


class Assets(KeptSet):
    """The assets."""

    def __init__(self, files: Files) -> None:
        super().__init__(orders.FACE, orders.ASSET, shapes.ASSET, CID, {"Files": files})

    async def drafts(self, ask: Ask, entity: Object, inner: Sequence[Object]) -> list[NewRecord]:
        """Return what is kept of an asset."""
        values, id = checked(self.shape, entity), uuid4()
        kept = orders.asset_document(values, orders.folder(ask.server.root, id))
        return [NewRecord(self.face, self.kind, values.get("Name") or "", ask.user.name, kept, id=id)]

    async def there(self, ask: Ask, wanted: Sequence[str] | None) -> list[Row]:
        """Return those of some assets that are still there."""
        found = await ask.services.records.there(self.face, self.kind, [UUID(one) for one in wanted or ()])
        return [self.entity(record) for record in found]

    async def sources(self, ask: Ask, wanted: Sequence[UUID]) -> list[orders.Source]:
        """Return the files of input assets that are read: the primary one of each, or its first."""
        if len(wanted) > _MOST_LINKED:
            raise Invalid("InputMediaAssets", f"A job has at most {_MOST_LINKED} input assets.")
        found = await ask.services.records.some(self.face, self.kind, wanted)
        files = await ask.services.records.children(self.face, orders.FILE, wanted)
        files.sort(key=lambda file: not file.document.get("IsPrimary"))
        sources = []
        for asset in found:
            mine = next((self._uri(ask, asset, file) for file in files if file.parent == asset.id), _alternate(asset))
            if mine is None:
                raise Invalid("InputMediaAssets", f"The asset {CID.of(asset.id)} has no file.")
            sources.append(orders.Source(asset.id, mine))
        return sources

    async def remove(self, ask: Ask, key: str) -> Answer:
        """Remove an asset. Its files are deleted by a job: with ``Prefer: respond-async`` that is an operation."""
        asset, records = await self.record(ask, key), ask.services.records
        target = CID.of(asset.id)
        if asset.document["State"] == _DELETED:
            raise Fault(400, "OperationInProgress", f"Another operation is in progress on {target}.")
        files = await records.children(self.face, orders.FILE, [asset.id])
        if not files or asset.document["AlternateId"]:
            return await super().remove(ask, key)
        order = Order("DELETE_FILE", Priority.MEDIUM, {"sourceUri": [self._uri(ask, asset, file) for file in files]})
        job = await ask.services.operations.start(ask.user, order, self.face, "Delete asset", target)
        if "respond-async" not in ask.headers.get("prefer", ""):
            return await super().remove(ask, key)
        await records.change(self.face, self.kind, asset.id, None, {"State": _DELETED})
        return Answer(202, None, {"operation-id": OPID.of(ask.server.uuids.of_job(job))})

    async def conclude(self, ask: Ask, target: str, *, gone: bool) -> None:
        """Let an asset be as its deletion has ended; whoever asks again finds it so."""
        with suppress(NotFound):
            if gone:
                await super().remove(ask, target)
            else:
                await ask.services.records.change(self.face, self.kind, CID.uuid(target), None, {"State": 0})

    @staticmethod
    def _uri(ask: Ask, asset: Record, file: Record) -> str:
        return uri_of(orders.folder(ask.server.root, asset.id) / file.name)


def _alternate(asset: Record) -> str | None:
    """Return the file that an asset is made of, where it names one by ``AlternateId``: ``file:///…`` (ours)."""
    text = asset.document.get("AlternateId") or ""
    return text if text.startswith("file:///") else None


class Operations(EntitySet):
    """How far the calls are that were answered with 202: each is a job."""

    def __init__(self, assets: Assets) -> None:
        super().__init__(shapes.OPERATION)
        self._assets = assets

    async def page(self, ask: Ask, options: Options) -> Page:
        """Return nothing: operations are asked for one by one."""
        return Page([], 0)

    async def row(self, ask: Ask, key: str) -> Row:
        """Return an operation."""
        uuid = OPID.read(unquote(key))
        if uuid is None:
            raise Fault(400, "InvalidIdentifierFormat", f"{key[:100]!r} is no id of an operation.")
        try:
            operation = await ask.services.operations.of(ask.server.uuids.job(uuid) or JobId(0))
        except NotFound:
            said = f"The operation {key} is not there; it may have been removed."
            raise Fault(404, "OperationNotFound", said) from None
        if operation.succeeded is not None:
            await self._assets.conclude(ask, operation.target, gone=operation.succeeded)
        return translate.operation_row(operation, uuid)
