"""Pages of jobs that were shown before: a job is written once for all lists that show it in the same way, and again when it has
changed. What is kept is bounded, and a page shows the same whether anything is kept or not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vidijob.api.vidispine.call import Answer, Call
from vidijob.api.vidispine.documents import JobDocument
from vidijob.api.vidispine.translate import cursor
from vidijob.api.vidispine.translate import jobs as translate
from vidijob.binding import json, text, xml
from vidijob.engine.insights import Page
from vidijob.jobs.identity import job_name
from vidijob.jobs.model import Job, JobId
from vidijob.jobs.search import Order
from vidijob.store.search import Version
from vidijob.web.negotiate import Form

#: More words than these are hardly asked for twice, and each would be kept beside the jobs.
_MOST_FIELDS = 20


@dataclass(frozen=True, slots=True)
class Shape:
    """How jobs are shown in a list."""

    site: str
    metadata: bool
    fields: Sequence[str] | None
    id_only: bool

    def show(self, job: Job) -> JobDocument:
        """Return a job as the list shows it."""
        return translate.shown(self.site, job, metadata=self.metadata, fields=self.fields, id_only=self.id_only)


class KnownJobs:
    """The jobs of one page, as far as they are written already."""

    def __init__(self, call: Call, shape: Shape, order: Sequence[Order]) -> None:
        self._call = call
        self._shape = shape
        self._kept = call.fragments
        fields = None if shape.fields is None else frozenset(shape.fields)
        self._keeps = fields is None or len(fields) <= _MOST_FIELDS
        self._how = (call.form, shape.metadata, fields, shape.id_only)
        self._order = tuple(order)
        # Whoever else asks meanwhile may push them out of what is kept.
        self._written: dict[JobId, bytes] = {}
        self._cursor: bytes | None = None

    def unknown(self, versions: Sequence[Version], follows: bool) -> Sequence[JobId]:
        """Return those that have to be read: what is not written yet, and the last one, where the next page begins."""
        missing = []
        for id, version in versions if not self._call.as_text else ():
            found = self._kept.get((id, self._how), version)
            if found is None:
                missing.append(id)
            else:
                self._written[id] = found
        if follows:
            last, version = versions[-1]
            self._cursor = self._kept.get((last, self._order), version)
            if self._cursor is None and last not in missing:
                missing.append(last)
        return missing

    def answer(self, page: Page, versions: Sequence[Version]) -> Answer:
        """Return the page; what had to be read is written, and kept."""
        if page.end is not None:
            last, version = versions[-1]
            self._cursor = cursor.write(page.end).encode()
            self._kept.put((last, self._order), version, self._cursor)
        headers = {} if self._cursor is None else {cursor.HEADER: self._cursor.decode()}
        names = [job_name(self._call.site, id) for id, _ in versions] if self._call.as_text else ()
        if self._call.as_text:
            return Answer(text=lambda: text.lines(names), headers=headers)
        return Answer(made=self._whole(page, versions), headers=headers)

    def _whole(self, page: Page, versions: Sequence[Version]) -> bytes:
        codec = xml if self._call.form is Form.XML else json
        read = {job.id: job for job in page.jobs}
        for id, version in versions:
            if id not in self._written:
                self._written[id] = codec.fragment(self._shape.show(read[id]), "job")
                if self._keeps:
                    self._kept.put((id, self._how), version, self._written[id])
        empty = translate.job_list(page, ())
        if not versions:
            whole: bytes = codec.write(empty)
            return whole
        frame = codec.frame(empty, "job")
        return b"".join((frame.head, frame.between.join([self._written[id] for id, _ in versions]), frame.tail))
