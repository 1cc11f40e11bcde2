"""How long a job and a page of jobs take to be read and written, without HTTP: what documents that are kept save, and what
more of them could save at most.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from vidijob.api.vidispine.documents import JobListDocument
from vidijob.api.vidispine.translate import jobs as translate
from vidijob.bench import lxml_peer as peer
from vidijob.bench.figures import Deed, Figure, by_turns
from vidijob.binding import json, xml
from vidijob.engine.insights import Insights, Listing, Page
from vidijob.errors import SetupError
from vidijob.jobs.search import Filter, Order, SortField
from vidijob.store import bench
from vidijob.store.database import Database
from vidijob.web import versions
from vidijob.web.kept import Kept

_SITE = "VX"
_PAGE = 100
#: So often in one round: once is too short to be measured.
_TIMES = 20
_KEPT_BYTES = 1024 * 1024
Writer = Callable[[JobListDocument], bytes]


async def figures(database: Database, *, rounds: int) -> AsyncIterator[Figure]:
    """Measure a database that was filled, by what handlers ask; a figure is of twenty times."""
    if await bench.is_empty(database):
        raise SetupError("There are no jobs to read: fill the database first (vidijob bench fill 1000000).")
    insights, kept = Insights(database, _SITE), Kept(_KEPT_BYTES)
    listing = Listing(Filter(), (Order(SortField.ID, descending=True),), 1, _PAGE)
    job = translate.listed(_SITE, (await insights.page(listing)).jobs[0], metadata=False).job_id

    async def made() -> bytes:
        found = await insights.job(job)
        body = xml.write(translate.job_document(_SITE, found, metadata=True))
        kept.put(job, found.finished, body)
        return body

    async def remembered() -> str:
        body = kept.get(job, await insights.ended(job))
        if body is None:
            raise SetupError(f"The job {job} has not ended: measure a database that was only filled.")
        return versions.tag(body)

    await made()
    this, other = await by_turns(_often(remembered), _often(made), rounds)
    yield Figure(f"{_TIMES} times a job that has ended, kept", this, other, "read and written")
    yield await _written(await insights.page(listing), rounds)
    for codec in (xml, json):
        for metadata in (False, True):

            def write(page: Page, metadata: bool = metadata, writer: Writer = codec.write) -> bytes:
                shown = [translate.listed(_SITE, one, metadata=metadata) for one in page.jobs]
                return writer(translate.job_list(page, shown))

            async def read_and_written(write: Callable[[Page], bytes] = write) -> bytes:
                return write(await insights.page(listing))

            this, other = await by_turns(_often(lambda: insights.page(listing)), _often(read_and_written), rounds)
            name = f"{_TIMES} times a page of {_PAGE}, only read"
            form = f"{codec.__name__.rpartition('.')[2]}{', with data' if metadata else ''}"
            yield Figure(name, this, other, f"written too ({form})")


async def _written(page: Page, rounds: int) -> Figure:
    """How long the XML of a page takes to be written, beside the same tree built with lxml; both say the same."""
    document = translate.job_list(page, [translate.listed(_SITE, one, metadata=True) for one in page.jobs])

    async def ours() -> bytes:
        return xml.write(document)

    async def element_by_element() -> bytes:
        return peer.element_by_element(document)

    equal = peer.canonical(await ours()) == peer.canonical(await element_by_element())
    this, other = await by_turns(_often(ours), _often(element_by_element), rounds)
    note = "canonically equal" if equal else "NOT EQUAL"
    return Figure(
        f"{_TIMES} times {len(page.jobs)} jobs with data, as XML", this, other, "lxml, element by element", note
    )


def _often(deed: Callable[[], Awaitable[object]]) -> Deed:
    async def repeated() -> None:
        for _ in range(_TIMES):
            await deed()

    return repeated
