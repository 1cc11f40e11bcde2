"""One request to the front: which way it goes, and what is said where that leads nowhere."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from urllib.parse import unquote

from aiohttp import web

from vidijob.api.vidispine.answers import failure, unless_known
from vidijob.errors import Invalid, VidijobError
from vidijob.front import headers
from vidijob.front.asking import Refusal
from vidijob.front.directions import Way, direction
from vidijob.front.forwarding import forward, passed_on
from vidijob.front.gathering import gather
from vidijob.front.listing import Listing
from vidijob.front.sites import Body, Reply, Site, SiteMissing, Sites
from vidijob.jobs.identity import site_of
from vidijob.web import bodies, keys
from vidijob.web.middleware import shown
from vidijob.web.parameters import Parameters
from vidijob.web.routing import Target
from vidijob.web.routing import target as taken_apart

_log = logging.getLogger(__name__)

PREFIXES = ("/APInoauth", "/APIinit", "/API")
#: A body beyond this is refused with 413, as by a site.
LARGEST_BODY = 10 * 1024 * 1024
#: Parameters of lists that each site is asked otherwise.
_OF_PAGES = frozenset({"first", "number", "cursor"})
#: A site that has nothing to tell says so within so many seconds; a job is waited for no longer.
_HEARTBEAT = 30.0
_LONGEST_WAIT = 60.0
#: What one site says that another may not.
_NOT_HERE = (401, 403, 404)


class Front:
    """What the front answers."""

    def __init__(self, sites: Sites, *, tolerant: bool, patience: float) -> None:
        self._sites = sites
        self._tolerant = tolerant
        self._patience = patience

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one request below one of the prefixes."""
        try:
            return await self._answer(request)
        except Refusal as refusal:
            return passed_on(refusal.reply)
        except SiteMissing as error:
            _log.info("%s %s: %s [%s]", request.method, shown(request.path), error, request[keys.REQUEST_ID])
            response = failure(request, error)
            response.headers[headers.MISSING] = error.site
            return response
        except Exception as error:
            if not isinstance(error, (VidijobError, web.HTTPException)):
                _log.exception("%s %s [%s]", request.method, shown(request.path), request[keys.REQUEST_ID])
            return failure(request, error)

    async def published(self, request: web.Request) -> web.StreamResponse:
        """Answer what is the same for everybody: the first site says it."""
        try:
            return await forward(request, self._sites.first, request.rel_url.raw_path_qs, None)
        except SiteMissing as error:
            return failure(request, error)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        prefix = next(one for one in PREFIXES if request.rel_url.raw_path.startswith(one))
        where = taken_apart(request.rel_url.raw_path.removeprefix(prefix))
        given = Parameters(request.rel_url.raw_query_string, where.matrix)
        target = request.rel_url.raw_path_qs
        to = direction(prefix, request.method, where.segments)
        request[keys.ROUTE] = f"{prefix} {to.way.value}"
        named = self._named(request, given)
        if named is not None:
            return await forward(request, named, target, await _body(request, where), longer=_longer(given, where))
        tolerant = given.flag("tolerateMissing", self._tolerant)
        way = to.way
        match way:
            case Way.LIST:
                return await self._list(request, where, given, tolerant)
            case Way.TOGETHER:
                last = where.segments[-1] if where.segments else ""
                body = await _whole(request)
                return await gather(request, self._sites, target, last, body, tolerant=tolerant, seconds=self._patience)
            case Way.IN_TURN:
                return await self._in_turn(request, target)
            case Way.BY_ID:
                if site_of(to.id) is None:
                    return await self._in_turn(request, target, longer=_longer(given, where))
                # Of a site that is not known the first one says, like any server, that there is no such thing.
                site = self._sites.get(site_of(to.id)) or self._sites.first
            case Way.BY_IDS:
                site = self._of_jobs(given.list("id") or ())
            case Way.FOLLOWED if given.list("id") is not None:
                site = self._of_jobs(given.list("id") or ())
            case Way.NEW:
                # Which may be a URL that ends with its id.
                notification = (given.text("notification") or "").rstrip("/").rpartition("/")[2]
                site = self._sites.get(site_of(notification)) or self._sites.first
            case Way.FIRST:
                site = self._sites.first
            case _:
                raise Invalid(
                    "site",
                    "Each site has its own; name the one that this is meant for: "
                    f"{' or '.join(f'site={name}' for name in self._sites.names)}.",
                )
        return await forward(request, site, target, await _body(request, where), longer=_longer(given, where))

    def _named(self, request: web.Request, given: Parameters) -> Site | None:
        name = given.text("site") or request.headers.get(headers.SITE)
        if name is None:
            return None
        site = self._sites.get(name)
        if site is None:
            raise Invalid("site", f"The sites here are {', '.join(self._sites.names)}.", value=name[:100])
        return site

    def _of_jobs(self, ids: Sequence[str]) -> Site:
        named = {site for id in ids if (site := self._sites.get(site_of(id))) is not None}
        if len(named) > 1:
            raise Invalid(
                "id",
                "This cannot be done for jobs of several sites at once; name those of each site in a request of its own.",
            )
        return named.pop() if named else self._sites.first

    async def _list(self, request: web.Request, where: Target, given: Parameters, tolerant: bool) -> web.StreamResponse:
        matrix = "".join(f";{pair}" for pair in where.matrix if not _is_of_pages(pair))
        pairs = [pair for pair in request.rel_url.raw_query_string.split("&") if pair and not _is_of_pages(pair)]
        path = f"/API/{'/'.join(where.segments)}{matrix}"
        body = await _whole(request)
        listing = Listing(request, self._sites, path, given, "&".join(pairs), body)
        response = await listing.answer(tolerant=tolerant, seconds=self._patience)
        if not isinstance(response, web.Response) or request.method == "PUT":
            return response
        said = unless_known(request.headers.get("If-None-Match"), response)
        if "Origin" in request.headers:
            said.headers["Vary"] += ", Origin"
        return said

    async def _in_turn(self, request: web.Request, target: str, *, longer: float = 0) -> web.StreamResponse:
        """Ask site after site until one knows what the path names: an external id, a worker, the token of a step."""
        body = await _whole(request)
        refused: list[Reply] = []
        missing: SiteMissing | None = None
        for site in self._sites.all:
            sent = headers.to_site(request, site.name)
            try:
                seconds = self._patience + longer
                reply = await site.ask(request.method, target, sent, body, seconds=seconds, longer=longer)
            except SiteMissing as error:
                missing = missing or error
                continue
            if reply.status not in _NOT_HERE:
                return passed_on(reply)
            refused.append(reply)
        if missing is not None:
            # It may be the one.
            raise missing
        return passed_on(next((reply for reply in refused if reply.status != 404), refused[0]))


async def _body(request: web.Request, where: Target) -> Body:
    # A file goes through as it comes; anything else is small, or refused with 413.
    streamed = where.segments == ("import", "raw") and request.can_read_body
    return request.content if streamed else await _whole(request)


async def _whole(request: web.Request) -> bytes | None:
    return await bodies.whole(request, LARGEST_BODY) if request.can_read_body else None


def _longer(given: Parameters, where: Target) -> float:
    """Return for how many seconds more than usual an answer may be silent, since that is what was asked for."""
    if where.segments == ("job", "events"):
        return _HEARTBEAT
    wait = given.text("wait") or ""
    # What is no number the site refuses.
    return min(int(wait), _LONGEST_WAIT) if wait.isdecimal() and len(wait) < 9 else 0


def _is_of_pages(pair: str) -> bool:
    return unquote(pair.partition("=")[0]).lower() in _OF_PAGES
