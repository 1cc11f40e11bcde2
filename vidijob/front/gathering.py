"""Answers of several sites that become one document: lists side by side, in the order of the sites; tokens in one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from aiohttp import web

from vidijob.api.vidispine import documents as wire
from vidijob.binding import json, text, xml
from vidijob.binding.fields import Document
from vidijob.errors import Unreadable
from vidijob.front import headers, tokens
from vidijob.front.asking import Answers, Refusal, of_all
from vidijob.front.sites import Reply, Site, SiteMissing, Sites
from vidijob.web.negotiate import Form, sent

D = TypeVar("D", bound=Document)
Join = Callable[[Sequence[tuple[str, Any]]], Document]


def _uris(found: Sequence[tuple[str, wire.URIListDocument]]) -> wire.URIListDocument:
    hits = [document.hits for _, document in found]
    return wire.URIListDocument(
        hits=sum(one or 0 for one in hits) if any(one is not None for one in hits) else None,
        uri=tuple(_once(uri for _, document in found for uri in document.uri)),
    )


def _problems(found: Sequence[tuple[str, wire.JobProblemListDocument]]) -> wire.JobProblemListDocument:
    return wire.JobProblemListDocument(problem=tuple(one for _, document in found for one in document.problem))


def _workers(found: Sequence[tuple[str, wire.WorkerListDocument]]) -> wire.WorkerListDocument:
    return wire.WorkerListDocument(worker=tuple(one for _, document in found for one in document.worker))


def _versions(found: Sequence[tuple[str, wire.VersionDocument]]) -> wire.VersionDocument:
    return wire.VersionDocument(component=tuple(one for _, document in found for one in document.component))


def _tokens(found: Sequence[tuple[str, wire.AuthenticationTokenDocument]]) -> wire.AuthenticationTokenDocument:
    whole = tokens.join({site: document.token for site, document in found})
    return wire.AuthenticationTokenDocument(token=whole, user=found[0][1].user)


#: By the last segment of a path: the document there, and what several become.
_JOINS: dict[str, tuple[type[Document], Join]] = {
    "jobtype": (wire.URIListDocument, _uris),
    "site": (wire.URIListDocument, _uris),
    "notification": (wire.URIListDocument, _uris),
    "problem": (wire.JobProblemListDocument, _problems),
    "worker": (wire.WorkerListDocument, _workers),
    "version": (wire.VersionDocument, _versions),
    "token": (wire.AuthenticationTokenDocument, _tokens),
}


async def gather(
    request: web.Request, sites: Sites, target: str, last: str, body: bytes | None, *, tolerant: bool, seconds: float
) -> web.Response:
    """Ask all sites, and answer with what they say together; ``last`` is the last segment of the path."""

    async def ask(site: Site) -> Reply:
        method = "GET" if request.method == "HEAD" else request.method
        asked = headers.to_site(request, site.name)
        for name in ("Accept-Encoding", "If-None-Match"):
            asked.popall(name, None)
        reply = await site.ask(method, target, asked, body, seconds=seconds)
        if reply.status != 200:
            raise Refusal(reply)
        return reply

    answers = await of_all(sites.all, ask, tolerant=tolerant)
    replies = [reply for _, reply in answers.answers]
    response = web.Response(body=_joined(last, replies), headers=_headers(replies[0], answers))
    if not response.body:
        response.headers.pop("Content-Type", None)
    return response


def _headers(first: Reply, answers: Answers[Reply]) -> dict[str, str]:
    said = headers.for_pages(first.headers)
    if "Content-Type" in first.headers:
        said["Content-Type"] = first.headers["Content-Type"]
    if answers.missing:
        said[headers.MISSING] = ", ".join(answers.missing)
    return said


def _joined(last: str, replies: Sequence[Reply]) -> bytes:
    form = sent(replies[0].headers.get("Content-Type"))
    if last not in _JOINS:
        return replies[0].body
    cls, join = _JOINS[last]
    if form is Form.TEXT:
        return _text(last, [(reply.site, reply.body.decode()) for reply in replies])
    codec = json if form is Form.JSON else xml
    whole: bytes = codec.write(join([(reply.site, _read(codec, cls, reply)) for reply in replies]))
    return whole


def _text(last: str, replies: Sequence[tuple[str, str]]) -> bytes:
    if last == "token":
        return tokens.join({site: token.strip() for site, token in replies}).encode()
    lines = _once(line for _, body in replies for line in body.splitlines())
    return "\n".join(lines).encode() if last == "version" else text.lines(lines).encode()


def _read(codec: Any, cls: type[D], reply: Reply) -> D:
    try:
        return codec.read(cls, reply.body)  # type: ignore[no-any-return]
    except Unreadable:
        raise SiteMissing(reply.site, "its answer cannot be read") from None


def _once(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
