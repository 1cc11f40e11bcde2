"""Workers over HTTP: who is there, and who is to take no more steps (all of it ours)."""

from __future__ import annotations

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.translate.workers import worker_list
from vidijob.binding import text


async def listing(call: Call) -> Answer:
    """GET /worker: the workers and what they carry out; as text a line for each."""
    found = await call.services.staff.listing()
    return Answer(
        lambda: worker_list(call.site, found),
        lambda: text.lines(
            [
                (
                    str(one.worker.id),
                    one.worker.host,
                    str(one.worker.pid),
                    "drained" if one.worker.drained else "working",
                    str(len(one.holdings)),
                )
                for one in found
            ]
        ),
    )


async def drain(call: Call) -> Answer:
    """POST /worker/{id}/drain: it finishes what it has and takes no more."""
    await call.services.staff.drain(call.user, call.path["id"])
    return Answer()


async def resume(call: Call) -> Answer:
    """DELETE /worker/{id}/drain: it takes steps again."""
    await call.services.staff.drain(call.user, call.path["id"], False)
    return Answer()
