"""Queues that programs elsewhere read by polling: what was taken shows again after a while, unless it is deleted."""

from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

from vidijob.errors import Conflict, Invalid, NotFound
from vidijob.store import queues
from vidijob.store.database import Database
from vidijob.store.queues import Message

__all__ = ["Message", "Queues"]

_NAME = re.compile(r"[a-z0-9](?!.*--)[a-z0-9-]{1,61}[a-z0-9]")
_LONGEST = 64 * 1024
#: For how long a message is kept that nobody deletes.
LASTING = timedelta(days=7)


def check_name(name: str) -> str:
    """Return a name that a queue can have, or raise ``Invalid``."""
    if not _NAME.fullmatch(name):
        raise Invalid(
            "queue", "A queue's name is 3 to 63 lower-case letters, digits and single dashes.", value=name[:100]
        )
    return name


class Queues:
    """The queues of this server."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, name: str) -> bool:
        """Make a queue; tells whether there was none."""
        return await queues.make(self._database, check_name(name))

    async def names(self) -> list[str]:
        """Return the names of all queues."""
        return await queues.names(self._database)

    async def length(self, name: str) -> int:
        """Return about how many messages a queue holds; raises ``NotFound``."""
        found = await queues.known(self._database, name)
        if found is None:
            raise NotFound("Queue", name)
        return found

    async def remove(self, name: str) -> None:
        """Take out a queue with its messages; raises ``NotFound``."""
        if not await queues.remove(self._database, name):
            raise NotFound("Queue", name)

    async def put(self, name: str, body: str) -> Message:
        """Put a message into a queue; raises ``NotFound``, or ``Invalid`` for one that cannot be kept."""
        if len(body.encode("utf-8", "replace")) > _LONGEST or "\x00" in body:
            raise Invalid("message", f"A message has at most {_LONGEST} bytes, of which none is NUL.")
        put = await queues.put(self._database, name, [body], LASTING)
        if not put:
            raise NotFound("Queue", name)
        return put[0]

    async def take(self, name: str, limit: int, hidden: timedelta) -> list[Message]:
        """Take the oldest messages; nobody else sees them for a while. Raises ``NotFound``."""
        found = await queues.take(self._database, name, limit, hidden)
        if not found:
            await self.length(name)
        return found

    async def peek(self, name: str, limit: int) -> list[Message]:
        """Return the oldest messages, which stay as they are; raises ``NotFound``."""
        found = await queues.peek(self._database, name, limit)
        if not found:
            await self.length(name)
        return found

    async def forget(self, name: str, id: UUID, receipt: UUID) -> None:
        """Delete a message; raises ``NotFound``, or ``Conflict`` where another one has taken it since."""
        if not await queues.forget(self._database, name, id, receipt):
            raise Conflict("message", str(id), "The message is gone, or was taken by another one since.")

    async def clear(self, name: str) -> None:
        """Delete all messages of a queue."""
        await queues.clear(self._database, name)
