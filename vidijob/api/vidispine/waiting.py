"""One job, answered when something of it is new (ours): what saves a client from asking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace

from vidijob.api.vidispine.call import Answer, Call
from vidijob.jobs.model import Job
from vidijob.jobs.states import ENDED, JobState
from vidijob.web.parameters import Parameters, one_of

#: In seconds; most of what stands between gives a silent connection up after a minute.
LONGEST = 50
_ENDED = "ended"

#: Reads the job, and says how it is answered.
Show = Callable[[], Awaitable[tuple[Job, Answer]]]


def states(given: Parameters) -> Collection[JobState] | None:
    """Read ``until``: states, ``ended`` for each that is an end; ``None``: whatever is new. Raises ``Invalid``."""
    named = given.list("until")
    if named is None:
        return None
    # Nothing else would come after an end.
    return ENDED.union(one_of("until", one, JobState) for one in named if one.lower() != _ENDED)


async def get(call: Call, seconds: int, states: Collection[JobState] | None, show: Show) -> Answer:
    """Answer as soon as the job is in one of the states; or, without any, is not as the client knows it, or as it was when it
    asked. At once when it has ended, and in any case when the time is over.
    """
    call.waits()
    until = asyncio.get_running_loop().time() + seconds
    before: bytes | None = None
    async with call.services.waiting.watch(call.path["id"], lambda: call.gone) as watch:
        while True:
            seen = watch.standing
            job, answer = await show()
            body = call.body(answer)
            known = call.knows(body)
            news = not known if known is not None else before not in (None, body)
            if job.state in ENDED or (news if states is None else job.state in states):
                break
            before = before or body
            if not await watch.beyond(seen, until, states):
                if watch.standing != seen:
                    body = call.body((await show())[1])
                break
    return replace(answer, made=body)
