"""The operations on pipelines. A pipeline is a task group whose jobs name it in their data: pausing is the group's, and holds
at once. What only this face knows of it stands in the group's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import uuid4

from vidijob.api.alibaba import documents as wire
from vidijob.api.alibaba import translate
from vidijob.api.alibaba.call import Call
from vidijob.api.alibaba.faults import Fault
from vidijob.api.alibaba.messages import FORM
from vidijob.errors import NotFound
from vidijob.jobs.notifications import (
    Definition,
    HttpAction,
    NotificationId,
    Place,
    Scope,
    Trigger,
    check_url,
    notification_name,
)
from vidijob.jobs.task_groups import JobFilter, TaskGroup

ACTIVE, PAUSED = "Active", "Paused"
_MOST = 100
_MOST_ASKED = 10
_LONGEST_NAME = 128
_NOTIFY = ("Topic", "QueueName", "MqTopic", "MqTag")
_PLACE = Place(Scope.PLACEHOLDER)
#: Keys of the metadata; the first one makes a group a pipeline.
_NAME, _SPEED, _LEVEL, _ROLE, _CONFIG, _TOLD = "mpsName", "mpsSpeed", "mpsSpeedLevel", "mpsRole", "mpsNotify", "mpsTold"


async def add(call: Call) -> wire.AddPipelineResponse:
    """AddPipeline: a new one, which is Active."""
    metadata = {
        _NAME: [_name(call)],
        _SPEED: [_short(call.optional("Speed") or "Standard", "Speed")],
        _LEVEL: [str(call.number("SpeedLevel", 0, 0, 100))],
        **_told(call),
    }
    if len([group for group in await call.services.task_groups.listing() if _is_pipeline(group)]) >= _MOST:
        raise Fault("PermissionDenied.ResourceQuotaExceed", "Pipeline")
    id = uuid4().hex
    metadata |= await _tell(call, metadata[_CONFIG], None)
    group = TaskGroup(id, filters=(JobFilter(data=((translate.QUEUE, id),)),), metadata=metadata, paused=False)
    await call.services.task_groups.put(group)
    return wire.AddPipelineResponse(request_id=call.request_id, pipeline=_document(group))


async def update(call: Call) -> wire.UpdatePipelineResponse:
    """UpdatePipeline: when it is answered, none of the jobs of one that is Paused now starts; those that run go on."""
    group = await one(call, call.text("PipelineId"))
    state = call.text("State")
    if state not in (ACTIVE, PAUSED):
        raise Fault("InvalidParameter.InvalidState", "State")
    changed: dict[str, Sequence[str] | None] = {_NAME: [_name(call)]}
    if call.optional("NotifyConfig") is not None or call.optional("Role") is not None:
        told = _told(call, group.metadata)
        changed |= told
        changed |= await _tell(call, told[_CONFIG], told_by(group))
    groups = call.services.task_groups
    await groups.set_metadata(group.name, changed)
    await groups.pause(group.name, state == PAUSED)
    return wire.UpdatePipelineResponse(request_id=call.request_id, pipeline=_document(await one(call, group.name)))


async def query(call: Call) -> wire.QueryPipelineListResponse:
    """QueryPipelineList: some by their ids."""
    asked = call.ids("PipelineIds", _MOST_ASKED)
    known = {group.name: group for group in await call.services.task_groups.listing() if _is_pipeline(group)}
    return wire.QueryPipelineListResponse(
        request_id=call.request_id,
        pipeline_list=wire.PipelineList(pipeline=tuple(_document(known[id]) for id in asked if id in known)),
        non_exist_pids=wire.Strings(string=tuple(id for id in asked if id not in known)),
    )


async def search(call: Call) -> wire.SearchPipelineResponse:
    """SearchPipeline: all, those that are Active, or those that are Paused, page by page."""
    state = call.optional("State") or "All"
    if state not in ("All", ACTIVE, PAUSED):
        raise Fault("InvalidParameter.InvalidState", "State")
    page, size = call.number("PageNumber", 1, 1, 10**6), call.number("PageSize", 10, 1, 100)
    found = [_document(group) for group in await call.services.task_groups.listing() if _is_pipeline(group)]
    found = [pipeline for pipeline in found if state in ("All", pipeline.state)]
    return wire.SearchPipelineResponse(
        request_id=call.request_id,
        total_count=len(found),
        page_number=page,
        page_size=size,
        pipeline_list=wire.PipelineList(pipeline=tuple(found[(page - 1) * size : page * size])),
    )


async def delete(call: Call) -> wire.DeletePipelineResponse:
    """DeletePipeline: its jobs stay, and nothing keeps them back any more."""
    group = await one(call, call.text("PipelineId"))
    await call.services.task_groups.delete(group.name)
    await _tell(call, ["{}"], told_by(group))
    return wire.DeletePipelineResponse(request_id=call.request_id, pipeline_id=group.name)


async def one(call: Call, id: str) -> TaskGroup:
    """Return the task group of a pipeline; raises ``Fault``."""
    translate.check_id(id, "PipelineId")
    try:
        group = await call.services.task_groups.one(id)
    except NotFound:
        group = None
    if group is None or not _is_pipeline(group):
        raise Fault("InvalidParameter.ResourceNotFound", id)
    return group


def told_by(group: TaskGroup) -> NotificationId | None:
    """Return the notification that jobs of a pipeline name; ``None``: their end is told to nobody."""
    told = group.metadata.get(_TOLD)
    return NotificationId(int(told[0])) if told and told[0].isdecimal() else None


def _is_pipeline(group: TaskGroup) -> bool:
    return bool(group.metadata.get(_NAME))


def _document(group: TaskGroup) -> wire.Pipeline:
    def first(key: str, default: str = "") -> str:
        return next(iter(group.metadata.get(key, ())), default)

    config = _config([first(_CONFIG, "{}")])
    level = first(_LEVEL, "0")
    return wire.Pipeline(
        id=group.name,
        name=first(_NAME),
        state=PAUSED if group.paused else ACTIVE,
        speed=first(_SPEED, "Standard"),
        speed_level=int(level) if level.isdecimal() else 0,
        quota_allocate=group.max_concurrency,
        role=first(_ROLE) or None,
        notify_config=wire.NotifyConfig(
            topic=config.get("Topic"),
            queue_name=config.get("QueueName"),
            mq_topic=config.get("MqTopic"),
            mq_tag=config.get("MqTag"),
        ),
    )


def _name(call: Call) -> str:
    return _short(call.text("Name"), "Name")


def _short(text: str, name: str) -> str:
    if len(text.encode()) > _LONGEST_NAME:
        raise Fault("InvalidParameter.OutOfRange", name)
    return text


def _told(call: Call, before: Mapping[str, Sequence[str]] | None = None) -> dict[str, Sequence[str]]:
    """Return what the call says of role and notification, and, of what it does not say, what was said before."""
    known = before or {}
    config: Sequence[str] = known.get(_CONFIG, ["{}"])
    if call.optional("NotifyConfig") is not None:
        given = call.object("NotifyConfig")
        for key, value in given.items():
            if key not in _NOTIFY:
                raise Fault("InvalidParameter.NotSupported", f"NotifyConfig.{key}")
            if not isinstance(value, str) or len(value) > 4000:
                raise Fault("InvalidParameter", f"NotifyConfig.{key}")
        config = [json.dumps({key: value for key, value in given.items() if value})]
    role = call.optional("Role")
    return {_CONFIG: config, _ROLE: known.get(_ROLE, [""]) if role is None else [_short(role, "Role")]}


async def _tell(call: Call, config: Sequence[str], before: NotificationId | None) -> dict[str, Sequence[str]]:
    """Define the notification of a topic, or a queue, that is a URL, or change the one that there is; another name is only
    kept.
    """
    given, notifications = _config(config), call.services.notifications
    urls = (given[key] for key in ("Topic", "QueueName") if key in given)
    url = next((text for text in urls if text.startswith(("http:", "https:"))), None)
    known = None if before is None else notification_name(call.site, before)
    if url is None:
        if known is not None:
            with suppress(NotFound):
                await notifications.forget(_PLACE, known)
        return {_TOLD: []}
    action = HttpAction(check_url(url), method="POST", content_type="application/json", form=FORM)
    definition = Definition(action, Trigger.STOP, placeholder=True)
    if before is not None and known is not None:
        with suppress(NotFound):
            await notifications.change(_PLACE, known, definition)
            return {_TOLD: [str(before)]}
    return {_TOLD: [str(await notifications.define(call.user, _PLACE, definition, call.base))]}


def _config(kept: Sequence[str]) -> dict[str, str]:
    """Return what was kept of a NotifyConfig; nothing where somebody else has changed it."""
    try:
        found = json.loads(kept[0])
    except (ValueError, IndexError, RecursionError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {key: value for key, value in items if isinstance(value, str)}
