"""The delivery log of notifications (ours)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from vidijob.api.vidispine.documents.vocabulary import SiteId, VidispineDocument
from vidijob.binding.fields import Integer, Long, Simple
from vidijob.jobs.deliveries import DeliveryState

DeliveryStateName = Annotated[str, Simple("DeliveryStateType", values=tuple(state.value for state in DeliveryState))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event that is told to one receiver."""

    #: As in the header ``Vidijob-Delivery``.
    id: str
    job: SiteId
    #: As in the payload, likewise the next.
    action: str
    sequence_number: Long
    state: DeliveryStateName
    attempts: Integer
    created: datetime
    #: When it was last tried.
    attempted: datetime | None = None
    #: Not before this time.
    next_attempt: datetime | None = None
    #: When it was delivered or given up.
    ended: datetime | None = None
    #: Of the receiver's last answer.
    status: Integer | None = None
    #: Why the last attempt failed.
    error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryListDocument(VidispineDocument):
    """The last deliveries of a notification, the newest first."""

    delivery: tuple[Delivery, ...] = ()
