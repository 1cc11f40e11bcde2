"""Takes files that come with a request, and hands each to a job: it is written as it comes, piece by piece, and the job is made
when it is whole. It knows no HTTP and no document.

A file is never left to nobody: where the job is refused it is removed; where nobody knows whether there is one, because the
database went away or this process was killed, whoever sweeps asks, an hour later.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from vidijob.engine.loop import Ticker
from vidijob.errors import CallerError, Invalid, NotImplementedHere, OutOfStorage, TooLarge, Unavailable
from vidijob.executors.storage import Absent, Storage
from vidijob.executors.threads import in_thread
from vidijob.executors.uploads import Landed, Landing, LandingField, require_name
from vidijob.jobs.model import Job, JobData
from vidijob.jobs.uploads import UPLOAD, UPLOAD_CHECKSUM, UPLOAD_NAME
from vidijob.store import jobs
from vidijob.store.database import Database

_log = logging.getLogger(__name__)
_MEBIBYTE = 1024 * 1024
#: What is gathered before it is written, in bytes, and for how many seconds at most.
_PIECE, _GATHERED = _MEBIBYTE, 1.0
#: After so many bytes it is looked whether there is still room.
_LOOK_AFTER = 16 * _MEBIBYTE
#: What was not completed, or no job wants, goes when it is so old, in seconds; and so often it is looked for.
_FORGOTTEN = 3600.0
_SWEEP = 600.0
#: The name of a file whose sender gives none.
_UNNAMED = "essence"
_FULL = (errno.ENOSPC, errno.EDQUOT)

Answer = TypeVar("Answer")
#: Makes the job of an upload, of the data that says which it is.
Submit = Callable[[JobData], Awaitable[Job]]


class Uploads(Ticker):
    """The files that come to one process; ``storage`` is the one that the workers have. It sweeps once it is started."""

    def __init__(self, database: Database, storage: Storage | None, *, limit: int = 0) -> None:
        """``limit`` is the size of the largest file, in bytes; 0: any for which there is room."""
        super().__init__("uploads")
        self._database = database
        #: The one that the workers have, if this process has it too.
        self.storage = storage
        self._field = None if storage is None else LandingField(storage)
        self._limit = limit

    async def take(self, pieces: AsyncIterator[bytes], announced: int | None, name: str | None, submit: Submit) -> Job:
        """Take a file of so many bytes, if that was said, and return the job that was made for it.

        Raises ``TooLarge``, ``OutOfStorage``, ``Invalid`` for nothing at all, ``Unavailable`` where the storage is away, and
        what ``pieces`` and ``submit`` raise; none of them leaves anything behind.
        """
        name = name or _UNNAMED
        require_name(name)
        landing, landed = await self._receive(pieces, announced)
        said = {UPLOAD: [landed.uri], UPLOAD_NAME: [name], UPLOAD_CHECKSUM: [landed.checksum]}
        try:
            job = await submit(said)
        except CallerError:
            await in_thread(lambda stop: landing.remove())
            raise
        if list(job.data.get(UPLOAD, ())) != said[UPLOAD]:
            # A repetition: the job has the file that came first.
            await in_thread(lambda stop: landing.remove())
        return job

    async def tick(self) -> float:
        """Sweep once; returns the seconds until the next time."""
        # Where the storage is not there, nothing was taken either.
        with suppress(Absent):
            await self._sweep()
        return _SWEEP

    async def _sweep(self) -> None:
        field = self._field
        if field is None:
            return
        try:
            old = await in_thread(lambda stop: field.forgotten(_FORGOTTEN))
            wanted = await jobs.wanting(self._database, old) if old else set()
            await in_thread(lambda stop: field.remove(uri for uri in old if uri not in wanted))
        except OSError as error:
            _log.warning("uploads that nobody wants could not be looked for: %s", error)

    async def _receive(self, pieces: AsyncIterator[bytes], announced: int | None) -> tuple[Landing, Landed]:
        field = self._field
        if field is None:
            raise NotImplementedHere("This process has no storage; send files to one that has.")
        if announced is not None:
            await self._require_room(field, announced, announced)
        landing = Landing(field)
        try:
            await _on_storage(landing.open)
            size = 0
            looked = 0
            async for piece in _gathered(pieces):
                size += len(piece)
                if size - looked > _LOOK_AFTER or looked == 0:
                    await self._require_room(field, size, len(piece))
                    looked = size
                self._require_allowed(size)
                await _on_storage(partial(landing.write, piece))
            if not size:
                raise Invalid("body", "The body is empty; send the file as the body.")
            return landing, await _on_storage(landing.complete)
        except BaseException:
            await in_thread(lambda stop: landing.remove())
            raise

    async def _require_room(self, field: LandingField, size: int, coming: int) -> None:
        self._require_allowed(size)
        if not await _on_storage(lambda: field.has_room(coming)):
            raise OutOfStorage(f"The storage has no room for a file of {size} bytes; make room, or send it later.")

    def _require_allowed(self, size: int) -> None:
        if self._limit and size > self._limit:
            raise TooLarge(f"A file may have {self._limit} bytes here; this one has more.")


async def _gathered(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield pieces that are worth being written; what has come is kept for a moment at most."""
    loop = asyncio.get_running_loop()
    kept, since = bytearray(), loop.time()
    async for piece in pieces:
        kept += piece
        if len(kept) >= _PIECE or loop.time() - since > _GATHERED:
            yield bytes(kept)
            kept, since = bytearray(), loop.time()
    if kept:
        yield bytes(kept)


async def _on_storage(act: Callable[[], Answer]) -> Answer:
    """Do what blocks, and say in our words what the storage refuses."""
    try:
        return await in_thread(lambda stop: act())
    except OSError as error:
        if error.errno in _FULL:
            raise OutOfStorage("The storage is full; make room, or send the file later.") from error
        raise Unavailable("The storage", str(error)) from error
    except Invalid as error:
        raise Unavailable("The storage", str(error)) from error
