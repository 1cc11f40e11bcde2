"""What jobs need beside themselves and their assets: templates, processors, notification end points."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import uuid4

from vidijob.api.azure import documents as shapes
from vidijob.api.azure import messages, orders
from vidijob.api.azure.translate import MPID
from vidijob.engine.records import NewRecord
from vidijob.errors import Invalid
from vidijob.odata.bodies import Object, checked
from vidijob.odata.keys import Key
from vidijob.web.odata.calls import Answer, Ask
from vidijob.web.odata.kept import KeptSet
from vidijob.web.odata.sets import FixedSet, Made, New

TEMPLATE, TASK_TEMPLATE = "template", "tasktemplate"


class TaskTemplates(KeptSet):
    """The task templates; they are made with their job templates."""

    fixed = None

    def __init__(self) -> None:
        super().__init__(orders.FACE, TASK_TEMPLATE, shapes.TASK_TEMPLATE, Key("TaskTemplates", "nb:ttid:UUID:"))


class Templates(KeptSet):
    """The job templates."""

    fixed = None
    inner = "TaskTemplates"

    def __init__(self, parts: TaskTemplates) -> None:
        super().__init__(
            orders.FACE, TEMPLATE, shapes.JOB_TEMPLATE, Key("JobTemplates", "nb:jtid:UUID:"), {parts.shape.set: parts}
        )
        self._parts = parts

    async def drafts(self, ask: Ask, entity: Object, inner: Sequence[Object]) -> list[NewRecord]:
        """Return what is kept of a job template with its task templates."""
        values, id = checked(self.shape, entity), uuid4()
        read = [checked(self._parts.shape, part) for part in inner]
        used = orders.read_template(values.get("JobTemplateBody") or "<jobTemplate/>")
        known = {str(part.get("Id")).lower(): part for part in read}
        missing = next((text for text, _ in used if text.lower() not in known), None)
        if missing is not None or len(known) != len(read):
            raise Invalid("taskTemplateId", f"There is no task template {missing}; each has an Id of its own.")
        inputs = {one for _, body in used for one in orders.read_body(body).inputs}
        about = {
            "NumberofInputAssets": sum(one.of_job for one in inputs),
            "TemplateType": values.get("TemplateType", 1),
        }
        name, owner = values.get("Name") or "", ask.user.name
        records = [NewRecord(self.face, self.kind, name, owner, {**values, **about}, id=id)]
        for part in read:
            their, name = self._parts.key.uuid(str(part.pop("Id"))), part.pop("Name", None) or ""
            records.append(NewRecord(self.face, TASK_TEMPLATE, name, owner, part, parent=id, id=their))
        return records

    async def tasks(self, ask: Ask, key: object) -> list[Object]:
        """Return the tasks of a job that is made from a template; raises ``Invalid``."""
        record = await self.named(ask, key, "TemplateId")
        parts = await ask.services.records.children(self.face, TASK_TEMPLATE, [record.id])
        known = {self._parts.key.of(part.id).lower(): part for part in parts}
        wanted = ("Configuration", "MediaProcessorId", "Options")
        return [
            {
                "Name": known[id.lower()].name,
                "TaskBody": body,
                **{name: known[id.lower()].document.get(name) for name in wanted},
            }
            for id, body in orders.read_template(record.document["JobTemplateBody"])
        ]


class EndPoints(KeptSet):
    """The notification end points; each is told that it is registered, and that it is so no longer."""

    # A receiver stays what it was registered as.
    fixed = shapes.ENDPOINT.writable - {"Name"}

    def __init__(self, options: messages.Options) -> None:
        self._options = options
        super().__init__(orders.FACE, messages.ENDPOINT, shapes.ENDPOINT, messages.NEPID)

    async def drafts(self, ask: Ask, entity: Object, inner: Sequence[Object]) -> list[NewRecord]:
        """Return what is kept of an end point."""
        values = checked(self.shape, entity)
        kind, address = values.get("EndPointType"), values.get("EndPointAddress") or ""
        if kind == messages.QUEUE:
            await ask.services.queues.make(address)
        elif kind == messages.WEBHOOK:
            if not address.startswith(("http://", "https://")) or len(address) > 2000:
                raise Invalid("EndPointAddress", "The EndPointAddress of a web hook is called by http or https.")
            sent, key = values.get("EncryptedEndPointCredential"), values.get("ProtectionKeyId") or None
            if sent or key:
                values[messages.KEY] = await ask.services.protection.opened(sent or "", key)
        else:
            raise Invalid("EndPointType", "EndPointType is 1 (a queue) or 3 (a web hook).", value=str(kind))
        return [NewRecord(self.face, self.kind, values.pop("Name", None) or "", ask.user.name, values)]

    async def make(self, ask: Ask, news: Sequence[New]) -> list[Made]:
        """Register end points."""
        made = await super().make(ask, news)
        for one in made:
            record = await self.record(ask, one.row["Id"])
            await ask.services.letters.send([messages.registration(record, self._options, registered=True)])
        return made

    async def remove(self, ask: Ask, key: str) -> Answer:
        """Register an end point no longer."""
        record = await self.record(ask, key)
        await ask.services.letters.send([messages.registration(record, self._options, registered=False)])
        return await super().remove(ask, key)


async def key_id(ask: Ask) -> Answer:
    """Return the name of the certificate that signing keys may be encrypted to (``GetProtectionKeyId?contentKeyType=…``)."""
    return Answer(200, ask.writer.prop("GetProtectionKeyId", "String", await ask.services.protection.key_id()))


async def certificate(ask: Ask) -> Answer:
    """Return that certificate (``GetProtectionKey?protectionKeyId='…'``)."""
    found = await ask.services.protection.certificate(ask.parameter("protectionKeyId"))
    return Answer(200, ask.writer.prop("GetProtectionKey", "String", found))


def processors() -> FixedSet:
    """Return the media processors."""
    rows = [
        {"Id": MPID.of(id), "Description": name, "Name": name, "Sku": "", "Vendor": "Microsoft", "Version": version}
        for id, (name, version) in orders.PROCESSORS.items()
    ]
    return FixedSet(shapes.PROCESSOR, rows, MPID)
