"""What a request says in its query and in its body, as faces read it whose parameters may come in either."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from vidijob.errors import Invalid, TooLarge, TooSlow, Unreadable
from vidijob.web.keys import GIVEN_UP

_MOST = 200
#: A body of which nothing comes for so many seconds is given up; so is one that is read as a whole and is not there after so many.
_STANDSTILL, _LONGEST = 60.0, 120.0
#: What is read by who sends it as a whole is kept for whoever reads it again.
_READ = web.RequestKey("body", bytes)
#: What a form raises that is none, or in no charset that there is.
_NO_FORM = (
    *(ValueError, LookupError, AssertionError, RuntimeError, ConnectionResetError),
    *(HttpProcessingError, web.RequestPayloadError),
)


async def pieces(request: web.Request, *, longest: float | None = None) -> AsyncIterator[bytes]:
    """Yield the body as it comes; whoever sends it waits as long as nobody asks for more.

    Raises ``TooSlow`` where it stands still, or goes on for more than ``longest`` seconds, ``Unreadable`` where it breaks off.
    """
    clock = asyncio.get_running_loop().time
    end = None if longest is None else clock() + longest
    while True:
        try:
            # What is all there needs no clock.
            if request.content.is_eof():
                piece = await request.content.readany()
            else:
                async with asyncio.timeout(_STANDSTILL if end is None else min(_STANDSTILL, end - clock())):
                    piece = await request.content.readany()
        except TimeoutError:
            raise _too_slow(request, end is not None and clock() >= end, longest) from None
        except (web.RequestPayloadError, ConnectionResetError) as error:
            raise Unreadable("body", f"The body could not be read to its end: {error}.") from None
        if not piece:
            return
        yield piece


async def whole(request: web.Request, largest: int | None = None) -> bytes:
    """Return the body, as often as it is asked for; raises ``TooLarge`` beyond so many bytes, by default as many as the server
    takes, and what ``pieces`` raises.
    """
    known = request.get(_READ)
    if known is not None or not request.can_read_body:
        return known or b""
    most = request.client_max_size if largest is None else largest
    body = bytearray()
    coming = request.content_length or 0
    if coming <= most:
        async for piece in pieces(request, longest=_LONGEST):
            body += piece
            coming = len(body)
            if coming > most:
                break
    if coming > most:
        request[GIVEN_UP] = True
        raise TooLarge(f"A request here has at most {most} bytes.")
    request[_READ] = made = bytes(body)
    return made


async def form(request: web.Request, largest: int) -> list[tuple[str, str]]:
    """Return the texts of a form, which may come in parts, and of none what there is: nothing.

    Raises ``TooLarge`` and ``TooSlow`` like ``whole``, ``Unreadable`` for what is no form.
    """
    try:
        async with asyncio.timeout(_LONGEST):
            fields = (await request.clone(client_max_size=largest).post()).items()
        texts = [(name, value) for name, value in fields if isinstance(value, str)]
        # There are charsets in which halves of signs can be written, of which nothing can be made.
        "".join(name + value for name, value in texts).encode()
    except TimeoutError:
        raise _too_slow(request, True, _LONGEST) from None
    except web.HTTPRequestEntityTooLarge:
        request[GIVEN_UP] = True
        raise TooLarge(f"A form here has at most {largest} bytes.") from None
    except _NO_FORM as error:
        # It may quote the form, in which there may be signs that cannot be written.
        words = str(error)[:200].encode(errors="replace").decode()
        raise Unreadable("body", f"The form cannot be read: {words}.") from None
    for _, value in fields:
        if isinstance(value, web.FileField):
            value.file.close()
    return texts


def _too_slow(request: web.Request, too_long: bool, longest: float | None) -> TooSlow:
    request[GIVEN_UP] = True
    how = f"was not there after {longest:g}" if too_long else f"stood still for {_STANDSTILL:g}"
    return TooSlow(f"The body {how} seconds.")


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
