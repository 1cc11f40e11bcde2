"""Which jobs a long list has: only their ids are read at once, all of one moment, eight bytes for each; the jobs themselves
are read in parts, when each is wanted. It knows no HTTP.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from vidijob.jobs.model import Job, JobId
from vidijob.jobs.search import Filter, Order, Position, complete
from vidijob.store import jobs
from vidijob.store.database import Session
from vidijob.store.keyset import Stretch, stretches
from vidijob.store.search_statement import Statement

_SIZE = 8


class Places:
    """The ids of a list of jobs, in its order."""

    def __init__(self, packed: bytes) -> None:
        """Take 64-bit numbers as Postgres sends them, one after the other."""
        self._packed = packed

    def __len__(self) -> int:
        return len(self._packed) // _SIZE

    def part(self, start: int, number: int) -> list[JobId]:
        """Return some of the ids; ``start`` counts from 0."""
        some = memoryview(self._packed)[start * _SIZE : (start + number) * _SIZE]
        return [JobId(id) for id in struct.unpack(f">{len(some) // _SIZE}q", some)]

    def until(self, number: int) -> Places:
        """Return the first ones."""
        return self if number >= len(self) else Places(self._packed[: number * _SIZE])


async def find(session: Session, wanted: Filter, order: Sequence[Order], *, first: int, number: int) -> Places:
    """Return which jobs a page of a list has; ``first`` counts from 1."""
    return Places(await _packed(session, wanted, complete(order), first - 1, number))


async def find_after(session: Session, wanted: Filter, after: Position, *, number: int) -> Places:
    """Return which jobs follow a position in its order."""
    packed = b""
    for beyond in stretches(after):
        missing = number - len(packed) // _SIZE
        if missing > 0:
            packed += await _packed(session, wanted, after.order, 0, missing, beyond)
    return Places(packed)


async def read(session: Session, ids: Sequence[JobId], *, steps: bool) -> list[Job]:
    """Return jobs, as they are now, in the order of their ids as given; those that were deleted are left out."""
    found = await jobs.some(session, ids)
    present = [found[id] for id in ids if id in found]
    return await jobs.with_steps(session, present) if steps else present


async def _packed(
    session: Session, wanted: Filter, order: Sequence[Order], offset: int, number: int, beyond: Stretch | None = None
) -> bytes:
    statement = Statement("places")
    statement.ids(wanted, order, offset=offset, number=number, beyond=beyond)
    (row,) = await statement.run(session)
    return bytes(row["ids"])
