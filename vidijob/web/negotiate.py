"""Which form a client sends and wants: XML, JSON or text. Pure; it does not know what is in a document."""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache


class Form(Enum):
    """A form that a document can have on the wire, by its media type."""

    XML = "application/xml"
    JSON = "application/json"
    TEXT = "text/plain"
    JAVASCRIPT = "application/javascript"
    #: A graph, in the language of Graphviz; and drawn.
    DOT = "text/vnd.graphviz"
    SVG = "image/svg+xml"
    PNG = "image/png"
    #: Server-sent events.
    EVENTS = "text/event-stream"

    # That of an enumeration is made of names anew each time, and every request looks up what it wants.
    __hash__ = object.__hash__


_QUALITY = re.compile(r"0(\.[0-9]*)?|1(\.0*)?")
_ALSO = {"text/xml": Form.XML, "text/json": Form.JSON, "text/javascript": Form.JAVASCRIPT}


#: What clients send is mostly the same; a header that is longer than this is read each time.
_USUAL = 200


def wanted(accept: str | None, offered: Sequence[Form]) -> Form | None:
    """Choose among the forms on offer by an ``Accept`` header (RFC 9110 12.5.1); ``None``: none is acceptable.

    Of what the client likes equally well, a form that it names goes before one that only a wildcard covers (browsers'
    clients send ``application/json, text/plain, */*``), then the order of the offer decides. No header accepts all.
    """
    if accept is None:
        return offered[0]
    return (_chosen if len(accept) <= _USUAL else _choose)(accept, tuple(offered))


def _choose(accept: str, offered: Sequence[Form]) -> Form | None:
    ranges = [_range(part) for part in accept.split(",") if part.split(";")[0].strip()]
    if not ranges:
        return offered[0]
    best: Form | None = None
    best_liking = (0.0, 0)
    for form in offered:
        liking = _liking(form, ranges)
        if liking[0] > 0 and liking > best_liking:
            best, best_liking = form, liking
    return best


_chosen = lru_cache(1000)(_choose)


def sent(content_type: str | None) -> Form | None:
    """Return the form that a ``Content-Type`` header names, parameters aside; ``None``: one we cannot read."""
    media = (content_type or "").split(";")[0].strip().lower()
    if media in _ALSO:
        return _ALSO[media]
    if media.endswith("+xml"):
        return Form.XML
    if media.endswith("+json"):
        return Form.JSON
    return next((form for form in Form if form.value == media), None)


def _range(part: str) -> tuple[str, float]:
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            # What is no quality counts as none given.
            quality = float(value) if _QUALITY.fullmatch(value.strip()) else 1.0
    return media, quality


def _liking(form: Form, ranges: Sequence[tuple[str, float]]) -> tuple[float, int]:
    """Return the quality of the most specific range that fits, and how specific that is."""
    names = {form.value, *(name for name, other in _ALSO.items() if other is form)}
    kind = form.value.split("/")[0]
    for specific, fits in ((3, names), (2, {f"{kind}/*"}), (1, {"*/*", "*"})):
        qualities = [quality for media, quality in ranges if media in fits]
        if qualities:
            return max(qualities), specific
    return 0.0, 0
