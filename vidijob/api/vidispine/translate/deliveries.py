"""The delivery log → its document."""

from __future__ import annotations

from collections.abc import Sequence

from vidijob.api.vidispine import documents as wire
from vidijob.jobs.deliveries import Delivery
from vidijob.jobs.identity import job_name


def delivery_list(site: str, found: Sequence[Delivery]) -> wire.DeliveryListDocument:
    """Return deliveries as they went."""
    return wire.DeliveryListDocument(
        delivery=tuple(
            wire.Delivery(
                id=str(one.key),
                job=job_name(site, one.job),
                action=one.trigger.name,
                sequence_number=one.event,
                state=one.state.value,
                attempts=one.tries,
                created=one.created,
                attempted=one.tried,
                next_attempt=one.next_try,
                ended=one.ended,
                status=one.status,
                error=one.error,
            )
            for one in found
        )
    )
