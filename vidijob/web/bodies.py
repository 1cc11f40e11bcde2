"""What a request says in its query and in its body, as faces read it whose parameters may come in either."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web

from vidijob.errors import Invalid, TooLarge, Unreadable

_MOST = 200


async def whole(request: web.Request, largest: int) -> bytes:
    """Return the body; raises ``TooLarge`` beyond so many bytes, ``Unreadable`` where it breaks off."""
    too_large = TooLarge(f"A request here has at most {largest} bytes.")
    if (request.content_length or 0) > largest:
        raise too_large
    try:
        body = await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise too_large from None
    except (web.RequestPayloadError, ConnectionResetError):
        raise Unreadable("body", "It could not be read to its end.") from None
    if len(body) > largest:
        raise too_large
    return body


def pairs(text: str | bytes, context: str) -> dict[str, str]:
    """Return the names and values of a query or of a form; raises ``Invalid`` where one name stands twice."""
    try:
        given = text.decode("ascii") if isinstance(text, bytes) else text
        found = parse_qsl(given, keep_blank_values=True, errors="strict", max_num_fields=_MOST)
    except ValueError:
        raise Invalid(context, f"There are more than {_MOST} names, or some are not UTF-8, percent-encoded.") from None
    named = dict(found)
    if len(named) < len(found):
        raise Invalid(context, "A name stands twice.")
    return named


def is_form(request: web.Request) -> bool:
    """Tell whether the body is a form."""
    return request.content_type == "application/x-www-form-urlencoded"


def headers(request: web.Request) -> dict[str, str]:
    """Return the headers by their names in lower case; what stands several times is joined by commas."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        known = found.get(name.lower())
        found[name.lower()] = value if known is None else f"{known},{value}"
    return found
