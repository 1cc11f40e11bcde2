"""Notifications in the database: rows ⇄ model. It does not know whom to tell what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from vidijob.jobs.deliveries import DeliveryState
from vidijob.jobs.model import JobId, StepNumber
from vidijob.jobs.notifications import (
    Content,
    DataFilter,
    Definition,
    EventFilter,
    HttpAction,
    Notification,
    NotificationId,
    Pattern,
    Place,
    Scope,
    Trigger,
)
from vidijob.store.database import Database, Session

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Standing:
    """A notification and how its deliveries go."""

    notification: Notification
    #: Deliveries that have not ended.
    pending: int
    #: Of the last one that was tried; ``None``: none was, yet.
    last: DeliveryState | None
    at: datetime | None
    #: Of its answer.
    status: int | None
    error: str | None


async def add(
    database: Database, place: Place, owner: str, base_uri: str, definition: Definition
) -> NotificationId | None:
    """Keep a notification; ``None``: the one job that it is about is not there."""
    id = await database.value("notification.add", *_where(place), owner, base_uri, _document(definition))
    return None if id is None else NotificationId(id)


async def replace(session: Session, place: Place, id: NotificationId, definition: Definition) -> str | None:
    """Give a notification another definition; returns the form that it is told in, ``None`` where there is no such one."""
    form: str | None = await session.value("notification.replace", id, *_where(place), _document(definition))
    return form


async def ids(database: Database, place: Place) -> list[NotificationId]:
    """Return the notifications of a place, oldest first."""
    return [NotificationId(row["id"]) for row in await database.rows("notification.ids", *_where(place))]


async def standing(database: Database, limit: int) -> list[Standing]:
    """Return notifications, wherever they were defined, the newest first, and how their deliveries go."""
    return [
        Standing(
            notification=from_row(row),
            pending=row["pending"],
            last=None if row["last_state"] is None else DeliveryState(row["last_state"]),
            at=row["last_at"],
            status=row["last_status"],
            error=row["last_error"],
        )
        for row in await database.rows("notification.standing", limit)
    ]


async def hold(session: Session, id: NotificationId) -> Notification | None:
    """Read one notification, which stays as it is until the transaction ends."""
    row = await session.row("notification.hold", id)
    return None if row is None else from_row(row)


async def get(database: Database, id: NotificationId) -> Notification | None:
    """Read one notification, wherever it was defined."""
    row = await database.row("notification.get", id)
    return None if row is None else from_row(row)


async def delete(session: Session, place: Place, id: NotificationId) -> bool:
    """Forget a notification; tells whether there was one."""
    return await session.value("notification.delete", id, *_where(place)) is not None


async def clear(session: Session, place: Place) -> list[NotificationId]:
    """Forget all notifications of a place; returns them."""
    return [NotificationId(row["id"]) for row in await session.rows("notification.clear", *_where(place))]


def _where(place: Place) -> tuple[str, int | None]:
    return place.scope.value, place.job


def _document(definition: Definition) -> Mapping[str, Any]:
    """Return a definition by the names of the table's columns."""
    action, only = definition.action, definition.filter
    document: dict[str, Any] = {
        "trigger": definition.trigger.value,
        "placeholder": definition.placeholder,
        "types": list(only.types),
        "step": only.step,
        "content": [content.value for content in definition.content],
        "url": action.url,
        "method": action.method,
        "content_type": action.content_type,
        "timeout_seconds": None if action.timeout is None else round(action.timeout.total_seconds()),
        "retry": action.retry,
        "synchronous": action.synchronous,
        "call_group": action.group,
        "extra_data": action.extra_data,
        "form": action.form,
    }
    if only.data is not None:
        key, value = only.data.key, only.data.value
        document |= {
            "data_key": key.text,
            "data_key_regex": key.regex,
            "data_value": value.text,
            "data_value_regex": value.regex,
        }
    return document


def from_row(row: Record) -> Notification:
    """Return the notification that a row tells of."""
    data = None
    if row["data_key"] is not None:
        data = DataFilter(
            Pattern(row["data_key"], row["data_key_regex"]), Pattern(row["data_value"], row["data_value_regex"])
        )
    seconds = row["timeout_seconds"]
    return Notification(
        id=NotificationId(row["id"]),
        place=Place(Scope(row["scope"]), None if row["job_id"] is None else JobId(row["job_id"])),
        definition=Definition(
            action=HttpAction(
                url=row["url"],
                method=row["method"],
                content_type=row["content_type"],
                timeout=None if seconds is None else timedelta(seconds=seconds),
                retry=row["retry"],
                synchronous=row["synchronous"],
                group=row["call_group"],
                extra_data=row["extra_data"],
                form=row["form"],
            ),
            trigger=Trigger(row["trigger"]),
            placeholder=row["placeholder"],
            filter=EventFilter(
                types=tuple(row["types"]), step=None if row["step"] is None else StepNumber(row["step"]), data=data
            ),
            content=tuple(map(Content, row["content"])),
        ),
        owner=row["owner"],
        base_uri=row["base_uri"],
        created=row["created_at"],
    )
