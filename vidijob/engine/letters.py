"""Letters to programs elsewhere that are in no notification of the core: into a queue that is polled, or to an address that is
called through the outbox, with its order, its tries and its log. It does not know what they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from vidijob.engine.bell import Bell
from vidijob.engine.queues import LASTING
from vidijob.jobs.deliveries import PREPARED, Post, call, lane
from vidijob.jobs.model import JobId
from vidijob.jobs.notifications import HttpAction, NotificationId, Trigger
from vidijob.store import deliveries, queues
from vidijob.store.database import Database, Session


@dataclass(frozen=True, slots=True)
class Queued:
    """A letter into a queue; where that is gone, nobody gets it."""

    queue: str
    body: str


@dataclass(frozen=True, slots=True)
class Called:
    """A letter to an address."""

    url: str
    #: As it is sent, in JSON, with these headers besides.
    body: str
    headers: Mapping[str, str]
    #: What it is about: each of these is told to one receiver once.
    receiver: int
    event: int
    #: 0: no job.
    job: JobId


Letter = Queued | Called


async def post(session: Session, letters: Sequence[Letter]) -> bool:
    """Send letters, in their order, with the transaction; tells whether a sender is to be woken after it."""
    posts = []
    for letter in letters:
        match letter:
            case Queued(queue=queue, body=body):
                await queues.put(session, queue, [body], LASTING)
            case Called():
                action = HttpAction(letter.url, "POST", "application/json", form=PREPARED)
                # The core's own notifications have the numbers above zero.
                number = NotificationId(-letter.receiver)
                posts.append(
                    Post(
                        number,
                        letter.event,
                        letter.job,
                        Trigger.UPDATE,
                        lane(number, action),
                        call(action),
                        (("", letter.body), *letter.headers.items()),
                    )
                )
    if posts:
        await deliveries.post(session, posts)
    return bool(posts)


class Letters:
    """Sends letters."""

    def __init__(self, database: Database, bell: Bell) -> None:
        self._database = database
        self._bell = bell

    async def send(self, letters: Sequence[Letter]) -> None:
        """Send letters, all or none."""
        async with self._database.transaction() as session:
            called = await post(session, letters)
        if called:
            self._bell.ring("vidijob_delivery")
