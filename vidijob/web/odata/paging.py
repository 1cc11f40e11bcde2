"""Lists that are too long to be answered at once and are read stretch by stretch: each answer says where the next goes on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from vidijob.errors import Invalid
from vidijob.odata.query import Options
from vidijob.odata.shapes import Row, Shape
from vidijob.web.odata.calls import Ask, Page, within

#: Reads a stretch behind a place (``None``: the first), and tells where it ends (``None``: there is no more).
Stretch = Callable[[int | None], Awaitable[tuple[list[Row], int | None]]]


async def page(ask: Ask, options: Options, shape: Shape, read: Stretch, most: int) -> Page:
    """Return what a query wants of one stretch; or of ``most`` of them, if that is all there is, where it wants them sorted,
    counted or skipped. Raises ``Invalid``.
    """
    found, place = await read(_place(options.token))
    if not (options.order or options.counted or options.skip):
        rows = within(replace(options, top=min(options.top, len(found))), shape, found).rows
        if "$top" not in ask.query:
            return Page(rows, None, None if place is None else {"$skiptoken": str(place)})
        left = options.top - len(rows)
        return Page(rows, None, {"$skiptoken": str(place), "$top": str(left)} if place is not None and left else None)
    for _ in range(most - 1):
        if place is None:
            break
        more, place = await read(place)
        found += more
    if place is not None:
        raise Invalid(
            "$orderby", f"The list is too long to be sorted, counted or skipped: {shape.set} are read page by page."
        )
    return within(options, shape, found)


def _place(token: str | None) -> int | None:
    if token is None:
        return None
    if not (token.isascii() and token.isdecimal() and len(token) < 19):
        raise Invalid("$skiptoken", "The $skiptoken is none that an answer gave.", value=token[:50])
    return int(token)
