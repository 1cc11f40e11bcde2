"""Batches: requests one after the other; of each changeset all or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus

from vidijob.errors import Invalid
from vidijob.odata import batch
from vidijob.odata.batch import Request, Response
from vidijob.odata.formats import wanted
from vidijob.odata.paths import below, read_path, read_query
from vidijob.web.odata.calls import Answer, Ask, made, tunnelled
from vidijob.web.odata.service import Service
from vidijob.web.odata.sets import EntitySet, New

#: Turns what was raised into an answer.
Failed = Callable[[Ask, Exception], Answer]


async def answer_batch(service: Service, ask: Ask, root: str, failed: Failed) -> tuple[bytes, str]:
    """Answer a batch; ``root`` is the last part of the root's path. Returns the body and its type."""
    answers: list[Response | list[Response]] = []
    for part in batch.read(ask.body, ask.headers.get("content-type")):
        parts = [part] if isinstance(part, Request) else part
        # One answer for all where nothing of it was done.
        first = parts[0] if parts else Request("POST", "", {}, b"")
        inner = _formatted(ask, first)
        try:
            asks = [_inner(ask, one, root) for one in parts]
            if isinstance(part, Request):
                answers.append(_response(await service.answer(asks[0]), part))
            else:
                done = await _changeset(service, asks, parts)
                answers.append([_response(each, one) for each, one in zip(done, parts, strict=True)])
        except Exception as error:
            answers.append(_response(failed(inner, error), first))
    return batch.write(answers)


def _formatted(ask: Ask, part: Request) -> Ask:
    return replace(ask, writer=ask.writer.like(wanted(part.headers.get("accept"), None)))


def _inner(ask: Ask, part: Request, root: str) -> Ask:
    path, query = below(part.url, root)
    return replace(
        _formatted(ask, part),
        method=tunnelled(part.method, part.headers),
        path=read_path(path),
        query=read_query(query),
        headers=part.headers,
        body=part.body,
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """Which of the entities that a changeset makes a request is about, and as which part of it; ``None``: itself."""

    whole: int
    part: int | None


async def _changeset(service: Service, asks: Sequence[Ask], parts: Sequence[Request]) -> list[Answer]:
    """Do what all requests want, or nothing: they make entities of one set, some of them named as ``$1`` by others which make
    what belongs to them; or it is one request.
    """
    if not asks:
        return []
    first = asks[0].path[0] if asks[0].path else None
    chosen = service.sets.get(first.name) if first is not None else None
    if len(asks) == 1 and not (asks[0].method == "POST" and first is not None and first.name[:1] == "$"):
        if asks[0].method in ("GET", "HEAD"):
            raise Invalid("$batch", "A changeset holds no GET.")
        return [await service.answer(asks[0])]
    if chosen is None:
        raise Invalid("$batch", "The first request of a changeset makes an entity.")
    service.roles.check(asks[0].user, reads=False)
    news, places = _plan(chosen, asks, parts)
    done = await chosen.make(asks[0], news)
    inner = service.behind(chosen, chosen.inner) if chosen.inner else chosen.shape
    return [
        made(ask, chosen.shape, done[place.whole].row)
        if place.part is None
        else made(ask, inner, done[place.whole].inner[place.part])
        for ask, place in zip(asks, places, strict=True)
    ]


def _plan(chosen: EntitySet, asks: Sequence[Ask], parts: Sequence[Request]) -> tuple[list[New], list[_Place]]:
    news: list[New] = []
    places: list[_Place] = []
    named: dict[str, int] = {}
    for ask, part in zip(asks, parts, strict=True):
        names = [segment.name for segment in ask.path]
        if ask.method == "POST" and names == [chosen.shape.set] and ask.path[0].key is None:
            if part.content_id is not None:
                named[part.content_id] = len(news)
            places.append(_Place(len(news), None))
            news.append(New.of(ask.entity(), chosen.inner))
        elif ask.method == "POST" and len(names) == 2 and names[0][1:] in named and names[0][0] == "$":
            whole = named[names[0][1:]]
            if names[1] != chosen.inner:
                raise Invalid("$batch", f"What {names[0]} makes has no {names[1]} here.")
            places.append(_Place(whole, len(news[whole].inner)))
            news[whole].inner.append(ask.entity())
        else:
            what = f" with their {chosen.inner}" if chosen.inner else ""
            raise Invalid("$batch", f"This changeset makes {chosen.shape.set}{what}, or is one request.")
    return news, places


def _response(answer: Answer, part: Request) -> Response:
    headers = {"DataServiceVersion": "3.0;"}
    if answer.body is not None:
        headers["Content-Type"] = answer.body.type
    if part.content_id is not None:
        headers["Content-ID"] = "".join(letter for letter in part.content_id if letter.isalnum())[:50]
    headers |= {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache", **answer.headers}
    body = b"" if answer.body is None else answer.body.text.encode("utf-8", "replace")
    return Response(answer.status, HTTPStatus(answer.status).phrase, headers, body)
