"""What happens to jobs, as server-sent events (ours): a client hears it once and in order, and goes on where it left off, whichever
process it comes back to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing

import orjson

from vidijob.api.vidispine.call import Answer, Call
from vidijob.binding.values import json_time
from vidijob.engine.tail import Told
from vidijob.errors import Invalid
from vidijob.jobs.identity import job_name, parse_job
from vidijob.jobs.model import JobId

ROLE = "_job_read"
_MOST_IDS = 100
#: So often who hears nothing is sent where it is, in seconds, so that whoever is in between does not take the connection for dead.
_PULSE = 15.0
#: So often it is asked, when there is something to tell, whether who hears it still may.
_ASK = 30.0
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

_Wanted = Callable[[Told], bool]


async def follow(call: Call) -> Answer:
    """GET /job/events: what happens to jobs, as it happens (ours)."""
    given = call.parameters
    types, steps, place = given.list("type"), given.flag("step", False), given.text("after")
    jobs = await _jobs(call, given.list("id") or ())
    kinds = None if types is None else frozenset(types)

    def wanted(told: Told) -> bool:
        event = told.event
        if event.step is not None and not steps:
            return False
        # Of what type a job was that is gone, nobody knows any more: who may want to hear of it does.
        return (not jobs or event.job in jobs) and (kinds is None or told.type is None or told.type in kinds)

    # A client that comes back by itself says the place in the header, and the same URL as the first time.
    return Answer(pieces=_pieces(call, call.last_event_id or place, jobs, wanted), headers=_HEADERS)


async def _jobs(call: Call, names: Sequence[str]) -> frozenset[JobId]:
    if len(names) > _MOST_IDS:
        raise Invalid("id", f"At most {_MOST_IDS} jobs can be named; without id, what happens to all is told.")
    ids = [await call.services.external_ids.job(name) for name in names]
    return frozenset(parse_job(call.site, id) for id in ids)


async def _pieces(call: Call, place: str | None, jobs: frozenset[JobId], wanted: _Wanted) -> AsyncGenerator[bytes]:
    clock = asyncio.get_running_loop().time
    only = next(iter(jobs)) if len(jobs) == 1 else None
    asked = sent = clock()
    async with aclosing(call.services.tail.follow(place, only)) as news:
        first = await anext(news)
        yield b"retry: 2000\nid: %s\n\n" % first.place.encode()
        async for some in news:
            told = [one for one in some.told if wanted(one)]
            if told and clock() > asked + _ASK:
                if not await call.still_has(ROLE):
                    return
                asked = clock()
            if told:
                yield b"".join([_written(call, one) for one in told])
            elif clock() > sent + _PULSE * 0.9:
                # No event: only from where to go on.
                yield b"id: %s\n\n" % some.place.encode()
            else:
                continue
            sent = clock()


def _written(call: Call, told: Told) -> bytes:
    """Return an event as all are sent it; it is written once."""
    if told.written is None:
        event = told.event
        said = {
            "jobId": job_name(call.site, event.job),
            "type": told.type,
            "step": event.step,
            "status": event.new,
            "previous": event.old,
            "time": json_time(event.at),
        }
        data = orjson.dumps({name: value for name, value in said.items() if value is not None})
        kind = b"job" if event.step is None else b"step"
        told.written = b"id: %s\nevent: %s\ndata: %s\n\n" % (told.place.encode(), kind, data)
    return told.written
