"""Deliveries: one call of a receiver for one event, tried until it is answered. Pure: which go one after the other, how
often each is tried, and when.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import NewType
from uuid import UUID, uuid5

from yarl import URL

from vidijob.jobs.model import JobId, LeaseNumber
from vidijob.jobs.notifications import HttpAction, NotificationId, Trigger

#: The number of a delivery: they grow in the order of what happened.
DeliveryId = NewType("DeliveryId", int)

#: Tries after the first where a notification does not say: a quarter of an hour of a receiver that does not answer.
RETRIES = 10
#: A call is given up after this time where a notification sets no limit: nothing waits for ever.
LONGEST_CALL = timedelta(minutes=5)
#: The form of what is sent as it stands: of its pairs the one without a name is the body, the others are headers.
PREPARED = "prepared"
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 300.0
_LANES = UUID("5b4f1f6e-6d1f-4a0e-9d7e-0d6f2c1b7a90")


class DeliveryState(Enum):
    """How the telling goes, in the words of the log."""

    PENDING = "pending"
    SENDING = "sending"
    #: The receiver answered with a status of 200 to 299.
    DELIVERED = "delivered"
    #: Its tries are used up; an operator may have it tried again.
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Lane:
    """What is delivered one after the other, in the order of what happened; lanes do not wait for each other."""

    id: UUID
    #: Of the receiver, with its port.
    host: str
    #: Served before the others.
    urgent: bool


@dataclass(frozen=True, slots=True)
class Call:
    """How a receiver is called: what a delivery keeps of a notification's action."""

    #: May hold a password.
    url: str = field(repr=False)
    method: str
    #: ``None``: XML.
    content_type: str | None
    timeout: timedelta
    #: Tries after the first.
    retries: int
    #: In the words of which face it is told.
    form: str = "vidispine"


@dataclass(frozen=True, slots=True)
class Post:
    """A delivery that is new."""

    notification: NotificationId
    event: int
    job: JobId
    trigger: Trigger
    lane: Lane
    call: Call
    #: What is told, pair by pair.
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class LaneHold:
    """A sender's hold on a lane."""

    lane: UUID
    host: str
    lease: LeaseNumber
    #: How often something was put in, as known before the last look.
    puts: int
    #: Tries in a row that failed.
    failures: int


@dataclass(frozen=True, slots=True)
class Letter:
    """A delivery whose next try is due."""

    id: DeliveryId
    #: The same with every try.
    key: UUID
    #: Counted from 1.
    attempt: int
    #: Tries that failed before, as far as they count.
    failures: int
    call: Call
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of one try."""

    #: Of the answer; ``None``: there was none.
    status: int | None
    #: Why it failed, in a sentence; ``None``: it did not.
    error: str | None = None

    @property
    def received(self) -> bool:
        """Tell whether the receiver has taken it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def alive(self) -> bool:
        """Tell whether the receiver works, even if it did not like what it was sent."""
        return self.status is not None and self.status < 500 and self.status not in (408, 429)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A line of the delivery log."""

    key: UUID
    event: int
    job: JobId
    trigger: Trigger
    state: DeliveryState
    tries: int
    created: datetime
    #: When it was last tried.
    tried: datetime | None
    #: Not before this time.
    next_try: datetime | None
    ended: datetime | None
    #: Of the last answer.
    status: int | None
    #: Why the last try failed.
    error: str | None


def lane(notification: NotificationId, action: HttpAction) -> Lane:
    """Return the lane of a notification's deliveries.

    A synchronous one has a lane of its own and waits for nobody else; asynchronous ones share that of their group, else that
    of their URL without its query (contract 1.5: one thread per endpoint, or per group).
    """
    url = URL(action.url)
    host = f"{(url.raw_host or '').lower()}:{url.port}"
    if action.synchronous:
        name = f"notification {notification}"
    elif action.group is not None:
        name = f"group {action.group}"
    else:
        name = f"url {url.scheme}://{host}{url.raw_path}"
    return Lane(uuid5(_LANES, name), host, action.synchronous)


def call(action: HttpAction) -> Call:
    """Return how a notification's receiver is called, with what it leaves to the server."""
    return Call(
        url=action.url,
        method=action.method or "POST",
        content_type=action.content_type,
        timeout=action.timeout or LONGEST_CALL,
        retries=RETRIES if action.retry is None else action.retry,
        form=action.form,
    )


def pause(failures: int, chance: random.Random) -> timedelta:
    """Return how long a lane rests after so many tries in a row that failed: doubling, with half of it left to chance."""
    seconds = min(_FIRST_PAUSE * 2.0 ** min(max(failures - 1, 0), 30), _LONGEST_PAUSE)
    return timedelta(seconds=seconds * chance.uniform(0.5, 1))
