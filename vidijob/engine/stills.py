"""The pictures that jobs have made, for who looks at a job: posters, thumbnails, sprites. Only what a job's own data name, only
below the storage roots, and only what is a picture. It knows no HTTP.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass

from vidijob.errors import CallerError, NotFound
from vidijob.executors.storage import Storage
from vidijob.executors.threads import in_thread
from vidijob.jobs.model import JobData

#: The data keys that name what a job has made.
_KEYS = ("posterUri", "fileUri")
_ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
#: How files of a kind begin.
_KINDS = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_LARGEST = 16 * 1024 * 1024
#: Files that are read at a time: on a storage that does not answer, no more of our threads wait than this.
_AT_ONCE = 4
_PATIENCE = 10.0


@dataclass(frozen=True, slots=True)
class Still:
    """A picture."""

    body: bytes
    #: ``image/jpeg``.
    media_type: str


def named(data: JobData) -> Sequence[str]:
    """Return the URIs of files that are pictures by their names, each once, in order."""
    uris = [uri for key in _KEYS for uri in data.get(key, ())]
    return list(dict.fromkeys(uri for uri in uris if uri.lower().endswith(_ENDINGS)))


class Stills:
    """The pictures below the storage roots; without a storage there are none here."""

    def __init__(self, storage: Storage | None) -> None:
        self._storage = storage
        self._free = asyncio.Semaphore(_AT_ONCE)

    @property
    def there(self) -> bool:
        """Tell whether this process has a storage."""
        return self._storage is not None

    async def get(self, uri: str) -> Still:
        """Read a picture; raises ``NotFound`` for what is none, or is not there."""
        storage = self._storage
        if storage is None:
            raise NotFound("Picture", uri)
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._free.acquire()
                reading = asyncio.create_task(in_thread(lambda _: _read(storage, uri)))
                # Its place is taken as long as its thread is, also when nobody waits for it any more.
                reading.add_done_callback(self._over)
                body = await asyncio.shield(reading)
        except (CallerError, OSError, TimeoutError):
            raise NotFound("Picture", uri) from None
        kind = next((kind for beginning, kind in _KINDS.items() if body.startswith(beginning)), None)
        if kind is None and body[:4] == b"RIFF" and body[8:12] == b"WEBP":
            kind = "image/webp"
        if kind is None:
            raise NotFound("Picture", uri)
        return Still(body, kind)

    def _over(self, reading: asyncio.Task[bytes]) -> None:
        self._free.release()
        if not reading.cancelled():
            reading.exception()  # whoever asked may have gone away


def _read(storage: Storage, uri: str) -> bytes:
    with os.fdopen(storage.open_source(storage.source(uri, "posterUri")), "rb") as file:
        body = file.read(_LARGEST + 1)
    return body if len(body) <= _LARGEST else b""
