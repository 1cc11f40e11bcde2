"""The outbox in the database: rows ⇄ model. It knows neither whom an event concerns nor how a receiver is called."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vidijob.jobs.deliveries import Call, Delivery, DeliveryId, DeliveryState, Lane, LaneHold, Letter, Post, Reply
from vidijob.jobs.model import CurrentStep, Job, JobId, LeaseNumber, StepNumber
from vidijob.jobs.notifications import Change, Notification, NotificationId, NotificationRequest, Trigger
from vidijob.jobs.states import StepState
from vidijob.store import jobs
from vidijob.store.database import Database, Session
from vidijob.store.notifications import from_row

if TYPE_CHECKING:
    from asyncpg import Record


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of the event log that is being looked at: the events of a range of transactions, beyond one by id."""

    tx: str
    until_tx: str
    after: int


@dataclass(frozen=True, slots=True)
class Happened:
    """An event, with its job: where that was right then, and its data as they are."""

    event: int
    at: datetime
    change: Change
    #: ``None``: it has been deleted.
    job: Job | None
    request: NotificationRequest


@dataclass(frozen=True, slots=True)
class News:
    """What there is to be done about the event log."""

    #: There may be events that were not looked at.
    events: bool
    #: Somebody wants to be told of some.
    wanted: bool
    #: The database came from another server, as a dump: ``settle_in`` first.
    moved: bool


async def news(database: Database) -> News:
    """Tell what there is to be done."""
    row = await database.row("delivery.news")
    return News(False, False, False) if row is None else News(row["events"], row["wanted"], row["moved"])


async def settle_in(database: Database, limit: int) -> None:
    """Make the event log of a database that came from another server readable here; ``limit`` events at a time."""
    while len(await database.rows("delivery.restamp", limit)) == limit:
        pass
    await database.rows("delivery.settle_in")


async def skip(database: Database) -> None:
    """Pass over events while nobody wants to be told of any."""
    await database.rows("delivery.skip")


async def hold(session: Session) -> bool:
    """Become the one who reads on until the transaction ends; ``False``: another is."""
    return await session.value("delivery.hold") is not None


async def advance(session: Session) -> Stretch | None:
    """Return the stretch that is to be looked at; ``None``: nothing happened that is certain. Needs the hold."""
    row = await session.row("delivery.advance")
    return None if row is None else Stretch(row["tx"], row["until_tx"], row["after_id"])


async def events(session: Session, stretch: Stretch, limit: int) -> list[Happened]:
    """Return the next events of a stretch that anybody may want to be told of."""
    rows = await session.rows("delivery.events", stretch.tx, stretch.until_tx, stretch.after, limit)
    return [_happened(row) for row in rows]


async def concerned(session: Session, jobs: Collection[JobId], named: Collection[NotificationId]) -> list[Notification]:
    """Return the notifications that may be about some jobs; they stay as they are until the transaction ends."""
    return [from_row(row) for row in await session.rows("delivery.concerned", list(jobs), list(named))]


async def post(session: Session, posts: Sequence[Post]) -> None:
    """Put deliveries into the outbox, in their order; those of a notification and event that are there stay."""
    lanes = {
        post.lane.id: {"id": str(post.lane.id), "host": post.lane.host, "urgent": post.lane.urgent} for post in posts
    }
    rows = [
        {
            "notification_id": post.notification,
            "event_id": post.event,
            "job_id": post.job,
            "trigger": post.trigger.value,
            "lane": str(post.lane.id),
            "action": _action(post.call),
            "payload": post.fields,
        }
        for post in posts
    ]
    await session.rows("delivery.post", list(lanes.values()), rows)


async def looked(session: Session, after: int, *, done: bool) -> None:
    """Note that a stretch was looked at up to an event, or to its end. Needs the hold."""
    await session.rows("delivery.looked", after, done)


async def untold(session: Session, jobs: Collection[JobId]) -> bool:
    """Tell whether something happened to jobs that was not looked at, and may have to be told."""
    return bool(await session.value("delivery.untold", list(jobs)))


async def claim(
    database: Database, *, full: Collection[str], per_host: int, sound: int, troubled: int, lease: timedelta
) -> list[LaneHold]:
    """Take lanes that can be served; ``troubled`` limits those whose last try failed, ``full`` are hosts to leave alone."""
    rows = await database.rows("delivery.claim", list(full), per_host, sound, troubled, lease.total_seconds())
    return [LaneHold(row["id"], row["host"], LeaseNumber(row["lease"]), row["puts"], row["failures"]) for row in rows]


async def beat(database: Database, holds: Collection[LaneHold], lease: timedelta) -> set[UUID]:
    """Hold on to lanes; returns those that are still held."""
    ids, numbers = [hold.lane for hold in holds], [hold.lease for hold in holds]
    return {row["id"] for row in await database.rows("delivery.beat", ids, numbers, lease.total_seconds())}


async def begin(database: Database, hold: LaneHold, lease: timedelta) -> tuple[LaneHold, Letter | None] | None:
    """Begin the next try of a lane's oldest delivery.

    ``None``: the lane is held no more. Without a letter: it is empty, and can be closed.
    """
    while True:
        row = await database.row("delivery.begin", hold.lane, hold.lease, lease.total_seconds())
        if row is None:
            return None
        if row["id"] is not None:
            break
        if row["puts"] == hold.puts:
            return hold, None
        # What was put in just now may not have been seen.
        hold = replace(hold, puts=row["puts"])
    letter = Letter(
        id=DeliveryId(row["id"]),
        key=row["key"],
        attempt=row["tries"],
        failures=row["failures"],
        call=_call(row["action"]),
        fields=tuple((key, value) for key, value in row["payload"]),
    )
    return replace(hold, puts=row["puts"]), letter


async def close(database: Database, hold: LaneHold) -> bool:
    """Take out a lane that was found empty; tells whether nothing was put in meanwhile."""
    return await database.value("delivery.close", hold.lane, hold.lease, hold.puts) is not None


async def delivered(database: Database, hold: LaneHold, id: DeliveryId, reply: Reply) -> None:
    """Enter a delivery as done; no effect if its lane is held no more."""
    await database.rows("delivery.delivered", hold.lane, hold.lease, id, reply.status)


async def failed(
    database: Database, hold: LaneHold, id: DeliveryId, reply: Reply, *, final: bool, pause: timedelta, alive: bool
) -> None:
    """Enter a try as failed and let the lane rest; no effect if it is held no more. ``alive``: as if no try had failed."""
    await database.rows(
        "delivery.failed", hold.lane, hold.lease, id, reply.status, reply.error, final, pause.total_seconds(), alive
    )


async def release(database: Database, hold: LaneHold) -> None:
    """Give a lane back at once; what was being sent will be sent again."""
    await database.rows("delivery.release", hold.lane, hold.lease)


async def redirect(session: Session, id: NotificationId, lane: Lane, call: Call) -> None:
    """Let what is pending of a notification go where that now says."""
    await session.rows("delivery.redirect", id, lane.id, lane.host, lane.urgent, _action(call))


async def drop(session: Session, ids: Collection[NotificationId]) -> None:
    """Drop what is pending of notifications."""
    await session.rows("delivery.drop", list(ids))


async def resend(session: Session, id: NotificationId, key: UUID, lane: Lane, call: Call) -> bool:
    """Let a delivery that failed be tried again; tells whether there was such a one."""
    arguments = (id, key, lane.id, lane.host, lane.urgent, _action(call))
    return await session.value("delivery.resend", *arguments) is not None


async def state(session: Session, id: NotificationId, key: UUID) -> DeliveryState | None:
    """Return how a delivery of a notification goes; ``None``: there is no such one."""
    found = await session.value("delivery.state", id, key)
    return None if found is None else DeliveryState(found)


async def listing(
    database: Database, id: NotificationId, states: Collection[DeliveryState] | None, limit: int
) -> list[Delivery]:
    """Return the last deliveries of a notification, the newest first."""
    wanted = None if states is None else [state.value for state in states]
    return [_delivery(row) for row in await database.rows("delivery.list", id, wanted, limit)]


async def forget(database: Database, delivered: timedelta, failed: timedelta, limit: int) -> int:
    """Take some of those out that ended so long ago; returns how many."""
    return len(await database.rows("delivery.forget", delivered.total_seconds(), failed.total_seconds(), limit))


def _happened(row: Record) -> Happened:
    job = None
    at_step = None if row["at_step"] is None else StepNumber(row["at_step"])
    if row["id"] is not None:
        current = None
        if at_step is not None:
            current = CurrentStep(row["description"], row["at_place"], StepState(row["at_state"]))
        job = replace(jobs.from_row(row), current_step=current)
    return Happened(
        event=row["event_id"],
        at=row["at"],
        change=Change(
            step=None if row["step"] is None else StepNumber(row["step"]),
            old=row["old_state"],
            new=row["new_state"],
            at_step=at_step,
        ),
        job=job,
        request=NotificationRequest(row["notification_id"], row["notification_data"] or {}),
    )


def _action(call: Call) -> dict[str, Any]:
    return {
        "url": call.url,
        "method": call.method,
        "content_type": call.content_type,
        "timeout": call.timeout.total_seconds(),
        "retries": call.retries,
        "form": call.form,
    }


def _call(action: Mapping[str, Any]) -> Call:
    return Call(
        url=action["url"],
        method=action["method"],
        content_type=action["content_type"],
        timeout=timedelta(seconds=action["timeout"]),
        retries=action["retries"],
        # What an earlier version put in does not say.
        form=action.get("form", "vidispine"),
    )


def _delivery(row: Record) -> Delivery:
    return Delivery(
        key=row["key"],
        event=row["event_id"],
        job=JobId(row["job_id"]),
        trigger=Trigger(row["trigger"]),
        state=DeliveryState(row["state"]),
        tries=row["tries"],
        created=row["created_at"],
        tried=row["tried_at"],
        next_try=row["next_try"],
        ended=row["ended_at"],
        status=row["status"],
        error=row["error"],
    )
