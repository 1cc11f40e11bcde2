"""GET /job and PUT /job/search of several sites: one list, as one database would give it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from aiohttp import web

from vidijob.api.vidispine import documents as wire
from vidijob.api.vidispine.translate import cursor, parts
from vidijob.api.vidispine.translate.search import facet_document
from vidijob.binding import json, text, xml
from vidijob.errors import Invalid
from vidijob.front import headers, merging
from vidijob.front.asking import Refusal, of_all
from vidijob.front.merging import Place
from vidijob.front.pages import MOST, Item, Pages, Source, merged
from vidijob.front.sites import Reply, Site, SiteMissing, Sites
from vidijob.jobs.search import FacetResult, Order, Position
from vidijob.web.negotiate import Form, wanted
from vidijob.web.parameters import Parameters
from vidijob.web.streaming import Streamed

_FORMS = (Form.XML, Form.JSON, Form.TEXT)
_PAGE = 100
_ALL = 2**31 - 1
#: So many jobs are sent at once of a long page.
_TOGETHER = 200


@dataclass(frozen=True, slots=True)
class _Head:
    """What is known of a list before its jobs are read."""

    hits: int
    order: tuple[Order, ...]
    facets: Sequence[FacetResult]
    missing: Sequence[str]

    def document(self) -> wire.JobListDocument:
        """Return the list without its jobs; a site that is missing is an entry of what was not found."""
        return wire.JobListDocument(
            hits=self.hits,
            facet=tuple(map(facet_document, self.facets)),
            not_found=tuple(wire.NotFoundEntry(type="Site", id=name) for name in self.missing),
        )


class Listing:
    """One request for a list."""

    def __init__(
        self, request: web.Request, sites: Sites, path: str, parameters: Parameters, query: str, body: bytes | None
    ) -> None:
        """``path`` and ``query`` are what each site is asked with, without ``first``, ``number`` and ``cursor``."""
        self._request = request
        self._sites = sites
        self._path = path
        self._query = query
        self._given = parameters
        self._body = body
        self._form = wanted(request.headers.get("Accept"), _FORMS)
        self._ranks = {site: rank for rank, site in enumerate(sites.all)}
        self._more = False
        self._for_pages: dict[str, str] = {}

    async def answer(self, *, tolerant: bool, seconds: float) -> web.StreamResponse:
        """Return the page, waiting for so many seconds for each part; raises ``Refusal``, ``SiteMissing``, ``Invalid``."""
        self._seconds = seconds
        try:
            first, number, after = self._wanted()
        except Invalid:
            # Who may not ask at all is told that first.
            await self._ask_all(0, None, tolerant=False)
            raise
        short = after is not None or first - 1 + number <= MOST
        asked = 0 if not short else min(number if after is not None else first - 1 + number, MOST)
        found, head = await self._ask_all(asked, after, tolerant=tolerant)
        self._more = True
        pages = Pages([(site, self._ranks[site]) for site, _ in found], self._ask)
        hits = [part.hits for _, part in found]
        if short:
            sources = pages.sources([1] * len(found), after)
            for source, (_, part) in zip(sources, found, strict=True):
                source.take_in(part)
            behind = 0 if after is not None else first - 1
            return self._whole(head, *await _take(sources, behind, min(number, MOST)))
        count = max(min(number, head.hits - first + 1), 0)
        if not count:
            return self._whole(head, (), False)
        follows = first - 1 + count < head.hits
        sources, left = await pages.begin(first - 1, hits)
        if count <= MOST:
            items, _ = await _take(sources, left, count)
            return self._whole(head, items, follows)
        end: Item | None = None
        if follows:
            # Found beforehand, since it is told in a header; whatever comes meanwhile, the page ends there.
            last, before = await pages.begin(first - 2 + count, hits)
            (end,) = (await _take(last, before, 1))[0] or (None,)
        return await self._streamed(head, sources, left, end)

    def _wanted(self) -> tuple[int, int, Place | None]:
        given = self._given
        first = max(given.number("first", 1), 1)
        number = given.number("number", _ALL if self._form is Form.TEXT else _PAGE, most=_ALL)
        return first, number, merging.read_cursor(given.text("cursor"), self._sites.names, first)

    async def _ask_all(
        self, number: int, after: Place | None, *, tolerant: bool
    ) -> tuple[Sequence[tuple[Site, parts.Part]], _Head]:
        async def ask(site: Site) -> parts.Part:
            return await self._ask(site, 1, number, None if after is None else after.of(self._ranks[site]))

        asked = await of_all(self._sites.all, ask, tolerant=tolerant)
        found = [part for _, part in asked.answers]
        head = _Head(sum(part.hits for part in found), found[0].order, merging.facets(found), asked.missing)
        return asked.answers, head

    async def _ask(self, site: Site, first: int, number: int, after: Position | None) -> parts.Part:
        where = f"first={first}" if after is None else f"cursor={cursor.write(after)}"
        target = f"{self._path}?{self._query}{'&' if self._query else ''}number={number}&{where}"
        sent = headers.to_site(self._request, site.name)
        sent[parts.HEADER] = parts.MORE if self._more else parts.WHOLE
        # A part is not packed, and not compared with what a client has.
        for name in ("Accept-Encoding", "If-None-Match", "If-Modified-Since", "Range"):
            sent.popall(name, None)
        method = "PUT" if self._request.method == "PUT" else "GET"
        reply = await site.ask(method, target, sent, self._body, seconds=self._seconds)
        if reply.status != 200:
            raise Refusal(reply)
        if site is self._sites.first or not self._for_pages:
            self._for_pages = headers.for_pages(reply.headers)
        return _read(reply)

    def _whole(self, head: _Head, items: Sequence[Item], follows: bool) -> web.Response:
        last = items[-1] if follows and items else None
        return web.Response(body=_written(self._form, head, items), headers=self._headers(head, last))

    async def _streamed(
        self, head: _Head, sources: Sequence[Source], behind: int, end: Item | None
    ) -> web.StreamResponse:
        pieces = _pieces(self._form, head, _until(merged(sources, MOST), behind, end))
        return Streamed(self._request, await anext(pieces), pieces, self._headers(head, end))

    def _headers(self, head: _Head, last: Item | None) -> dict[str, str]:
        form = self._form or Form.XML
        said = {**self._for_pages, "Content-Type": form.value + ("; charset=utf-8" if form is Form.TEXT else "")}
        if last is not None:
            end = merging.place(head.order, last.values, last.rank)
            said[cursor.HEADER] = merging.write_cursor(end, self._sites.names)
        if head.missing:
            said[headers.MISSING] = ", ".join(head.missing)
        return said


def _read(reply: Reply) -> parts.Part:
    if reply.headers.get("Content-Type") != parts.MEDIA:
        raise SiteMissing(reply.site, "its version is too old to be behind a front")
    try:
        part = parts.read(reply.body)
    except ValueError:
        raise SiteMissing(reply.site, "its answer cannot be read") from None
    if part.site != reply.site:
        raise SiteMissing(reply.site, f"at its address there is the site {part.site}")
    return part


async def _take(sources: Sequence[Source], behind: int, number: int) -> tuple[list[Item], bool]:
    """Return so many jobs behind some others, and whether more follow."""
    found: list[Item] = []
    if not number:
        return found, False
    async with aclosing(_counted(merged(sources, min(behind + number, MOST)), behind)) as items:
        async for item in items:
            found.append(item)
            if len(found) == number:
                break
    return found, any(source.left for source in sources)


async def _counted(items: AsyncIterator[Item], behind: int) -> AsyncGenerator[Item]:
    async for item in items:
        if behind:
            behind -= 1
        else:
            yield item


async def _until(items: AsyncIterator[Item], behind: int, end: Item | None) -> AsyncGenerator[Item]:
    async for item in _counted(items, behind):
        if end is not None and end.key < item.key:
            return
        yield item


def _written(form: Form | None, head: _Head, items: Sequence[Item]) -> bytes:
    shown = [item.shown for item in items]
    if form is Form.TEXT:
        return text.lines(shown).encode()
    codec, document = json if form is Form.JSON else xml, head.document()
    if not shown:
        whole: bytes = codec.write(document)
        return whole
    frame = codec.frame(document, "job")
    return b"".join((frame.head, frame.between.join(one.encode() for one in shown), frame.tail))


async def _pieces(form: Form | None, head: _Head, items: AsyncIterator[Item]) -> AsyncGenerator[bytes]:
    """Yield a list that is too long to be held piece by piece."""
    frame = None if form is Form.TEXT else (json if form is Form.JSON else xml).frame(head.document(), "job")
    between, together = (b"", []) if frame is None else (frame.head, [])
    async for item in items:
        together.append(item.shown)
        if len(together) == _TOGETHER:
            yield _piece(together, between, frame.between if frame is not None else None)
            between, together = frame.between if frame is not None else b"", []
    last = _piece(together, between, frame.between if frame is not None else None) if together else b""
    yield last + (frame.tail if frame is not None else b"")


def _piece(shown: Sequence[str], before: bytes, between: bytes | None) -> bytes:
    if between is None:
        return text.lines(shown).encode()
    return before + between.join(one.encode() for one in shown)
