"""Wakes loops: those of this process at once, those of others by NOTIFY. A ring is a hint: whoever misses it looks
anyway, a little later. It knows nothing of what happened.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from uuid import uuid4

from vidijob.engine.loop import Loop
from vidijob.errors import Unavailable
from vidijob.store import workers
from vidijob.store.database import Database
from vidijob.store.workers import CHANNELS, Channel

#: At most 100 notifications a second leave one process (NOTIFY serialises the commits of those who send it).
_PAUSE = 0.01
#: Where those who matter are in this process they do their work first: others hear of it so many seconds later.
_LATER = 0.003
#: A proof that this process hears counts for so many seconds.
_PROOF = 15.0


class Bell:
    """Rings in this process and in all others on the same database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._hearers: defaultdict[str, list[Callable[[], None]]] = defaultdict(list)
        self._unsent: set[Channel] = set()
        self._at_home: dict[Channel, Callable[[], bool]] = {}
        #: Who it is: what this process sends it has heard already.
        self._id = uuid4().hex
        self._sender = Loop("bell", self._send)
        self._listener: asyncio.Task[None] | None = None
        self._proven_at = float("-inf")

    def on(self, channel: Channel, hear: Callable[[], None]) -> None:
        """Call ``hear`` whenever the channel rings, here or elsewhere."""
        self._hearers[channel].append(hear)

    def at_home(self, channel: Channel, here: Callable[[], bool]) -> None:
        """Let others hear a channel a little later while who has to act on it is ``here``."""
        self._at_home[channel] = here

    def ring(self, channel: Channel) -> None:
        """Tell everybody that there may be something to do; call it after the commit."""
        self._hear(channel)
        self._unsent.add(channel)
        self._sender.wake()

    @contextmanager
    def ringing(self, *channels: Channel) -> Iterator[None]:
        """Ring when what is done meanwhile is committed, or may be: the answer to the commit was lost."""
        try:
            yield
        except (Unavailable, asyncio.CancelledError):
            for channel in channels:
                self.ring(channel)
            raise
        for channel in channels:
            self.ring(channel)

    @property
    def hears(self) -> bool:
        """Tell whether this process would hear a ring: who would may look by itself seldom.

        When it could not for a while, every channel rings once as soon as it can again.
        """
        return time.monotonic() - self._proven_at < _PROOF

    def start(self) -> None:
        """Begin to send and to listen."""
        self._sender.start()
        if self._listener is None:
            self._listener = asyncio.create_task(
                self._database.listen(CHANNELS, self._hear, self._prove, own=self._id), name="listener"
            )

    async def stop(self) -> None:
        """Send what is left, then be silent."""
        await self._sender.stop()
        with suppress(Unavailable):
            await self._send()
        if self._listener is not None:
            self._listener.cancel()
            await asyncio.wait({self._listener})

    def _prove(self) -> None:
        self._proven_at = time.monotonic()

    def _hear(self, channel: str) -> None:
        for hear in self._hearers[channel]:
            hear()

    async def _send(self) -> float:
        while self._unsent:
            if all(channel in self._at_home and self._at_home[channel]() for channel in self._unsent):
                await asyncio.sleep(_LATER)
            channels, self._unsent = self._unsent, set()
            try:
                await workers.wake(self._database, *channels, by=self._id)
            except BaseException:
                self._unsent |= channels
                raise
            await asyncio.sleep(_PAUSE)
        return 3600
