"""Lists of jobs that are too long to be held: written in pieces, a part of the jobs at a time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable

from vidijob.api.vidispine.call import Call
from vidijob.api.vidispine.documents import JobDocument, JobListDocument
from vidijob.binding import json, text, xml
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Job
from vidijob.store.places import Places
from vidijob.web.negotiate import Form

#: Lines of text that are sent at once.
_LINES = 2000


async def pieces(
    call: Call, document: JobListDocument, listed: Places, show: Callable[[Job], JobDocument], *, steps: bool
) -> AsyncGenerator[bytes]:
    """Yield a list piece by piece, in the form that the call wants; ``document`` is the list without its jobs."""
    if call.as_text:
        # Ids are all that it has.
        for start in range(0, len(listed), _LINES):
            yield text.lines([job_name(call.site, id) for id in listed.part(start, _LINES)]).encode()
        return
    codec = xml if call.form is Form.XML else json
    frame = codec.frame(document, "job")
    before = frame.head
    async for jobs in call.services.insights.parts(listed, steps=steps):
        if jobs:
            yield before + frame.between.join([codec.fragment(show(job), "job") for job in jobs])
            before = frame.between
    yield (frame.head if before is frame.head else b"") + frame.tail
