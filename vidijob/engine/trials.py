"""A notification tried out: its receiver is called at once, with what it would be told of a job that is not there. It knows
no document and no HTTP.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import uuid4

from vidijob.access import User
from vidijob.engine.notifier import Compose
from vidijob.engine.sender import Deliver
from vidijob.errors import NotImplementedHere
from vidijob.jobs.deliveries import DeliveryId, Letter, Reply, call
from vidijob.jobs.model import CurrentStep, Job, JobId, Priority
from vidijob.jobs.notifications import NOTHING_ASKED, Change, Notification, Trigger
from vidijob.jobs.states import JobState, StepState

#: What is told besides, so that a receiver can tell it from what really happened.
MARK = ("vidijobTest", "true")
#: Somebody waits for the answer.
_LONGEST = timedelta(seconds=15)
_STATES = {
    Trigger.CREATE: JobState.READY,
    Trigger.UPDATE: JobState.STARTED,
    Trigger.STOP: JobState.FINISHED,
    Trigger.FINISHED: JobState.FINISHED,
    Trigger.FAIL: JobState.FAILED_TOTAL,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a trial ended."""

    reply: Reply
    lasted: timedelta


class Trials:
    """Tries receivers out; without a way to make and to deliver what is told, it cannot."""

    def __init__(self, compose: Compose | None, deliver: Deliver | None) -> None:
        self._compose = compose
        self._deliver = deliver

    async def call(self, user: User, notification: Notification) -> Outcome:
        """Call the receiver of a notification once; nothing of it is kept."""
        if self._compose is None or self._deliver is None:
            raise NotImplementedHere("This process calls no receivers.")
        state = _STATES[notification.definition.trigger]
        change = Change(None, None if state is JobState.READY else JobState.STARTED.value, state.value)
        told = self._compose(notification, change, _sample(notification, user, state), NOTHING_ASKED, 0)
        action = call(notification.definition.action)
        letter = Letter(
            id=DeliveryId(0),
            key=uuid4(),
            attempt=1,
            failures=0,
            call=replace(action, timeout=min(action.timeout, _LONGEST), retries=0),
            fields=(*told, MARK),
        )
        began = time.perf_counter()
        reply = await self._deliver(letter)
        return Outcome(reply, timedelta(seconds=time.perf_counter() - began))


def _sample(notification: Notification, user: User, state: JobState) -> Job:
    types = notification.definition.filter.types
    return Job(
        id=JobId(0),
        type=types[0] if types else "TRANSCODE",
        user=user.name,
        state=state,
        priority=Priority.MEDIUM,
        # It has not happened: any time will do.
        started=notification.created,
        finished=None,
        data={"errorMessage": ("This is only a test.",)} if state is JobState.FAILED_TOTAL else {},
        total_steps=1,
        current_step=CurrentStep("Testing", 1, StepState.FINISHED) if state is not JobState.READY else None,
    )
