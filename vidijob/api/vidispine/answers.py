"""What the handlers of the face answer, and how that becomes a response: a document, text, a picture, pieces, a fault."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Hashable, Mapping
from dataclasses import dataclass, field

from aiohttp import web

from vidijob.api.vidispine.translate import faults
from vidijob.binding import json, xml
from vidijob.binding.fields import Document
from vidijob.errors import NotAuthenticated, NotImplementedHere, TookTooLong
from vidijob.web import auth, versions
from vidijob.web.failures import status
from vidijob.web.negotiate import Form, wanted
from vidijob.web.streaming import Streamed

_ERROR_FORMS = (Form.XML, Form.JSON, Form.TEXT)
_PICTURES = (Form.SVG, Form.PNG)


# Not frozen: each request makes one, and that would take several times as long.
@dataclass(slots=True)
class Answer:
    """What a handler answers; only the form that is wanted is made."""

    document: Callable[[], Document] | None = None
    text: Callable[[], str] | None = None
    #: What is no document: a script, a picture.
    content: Callable[[], bytes] | None = None
    #: Of the content, where it is not the form that was asked for first.
    form: Form | None = None
    #: What is too long to be held: its pieces, in the form that was asked for.
    pieces: AsyncGenerator[bytes] | None = None
    #: What was made before, in the form that was asked for.
    made: bytes | None = None
    #: Whether it has an ``ETag``, so that who has it already is not sent it again.
    tagged: bool = False
    #: Under which key, and as which version, its bytes are kept once they are made.
    keep: tuple[Hashable, object] | None = None
    #: Beside those that say what it is.
    headers: Mapping[str, str] = field(default_factory=dict)


def response(answer: Answer, form: Form | None) -> web.Response:
    """Return what is sent, in the form that is wanted; ``None``: there is none."""
    if answer.made is not None:
        return web.Response(body=answer.made, headers={"Content-Type": _media(form)})
    # What is only text is text for those as well who asked for a document and would take none.
    only_text = answer.document is None and answer.content is None
    if answer.text is not None and (form is Form.TEXT or only_text):
        return web.Response(text=answer.text(), content_type="text/plain", charset="utf-8")
    if answer.content is not None and (form := answer.form or form) is not None:
        charset = "" if form in _PICTURES else "; charset=utf-8"
        return web.Response(body=answer.content(), headers={"Content-Type": form.value + charset})
    if form is None or answer.document is None:
        return web.Response()
    return _body(answer.document(), form)


def unless_known(if_none_match: str | None, answer: web.Response) -> web.Response:
    """Give an answer its version, and leave all else out where the client has that."""
    tag = versions.tag(answer.body if isinstance(answer.body, bytes) else b"")
    headers = answer.headers
    headers["ETag"], headers["Cache-Control"], headers["Vary"] = tag, "private, no-cache", "Accept"
    if not versions.known(if_none_match, tag):
        return answer
    kept = {name: value for name, value in headers.items() if not name.startswith("Content-")}
    return web.Response(status=304, headers=kept)


async def stream(request: web.Request, pieces: AsyncGenerator[bytes], form: Form | None) -> web.StreamResponse:
    """Return what is sent of an answer in pieces."""
    # The first one while there can still be an answer that says what is wrong.
    first = await anext(pieces)
    return Streamed(request, first, pieces, {"Content-Type": _media(form)})


def _media(form: Form | None) -> str:
    return (form or Form.XML).value + ("; charset=utf-8" if form is Form.TEXT else "")


def _body(document: Document, form: Form, status: int = 200) -> web.Response:
    write = xml.write if form is Form.XML else json.write
    return web.Response(body=write(document), status=status, headers={"Content-Type": form.value})


def failure(request: web.Request, error: Exception) -> web.Response:
    """Return what is sent where there is no answer but an error."""
    code = status(error)
    form = wanted(request.headers.get("Accept"), _ERROR_FORMS) or Form.XML
    document = faults.exception_document(error, request.path)
    if isinstance(error, web.HTTPNotFound) and form is Form.JSON:
        # The recorded answer to a path that is not there (contract 4.6).
        answer = web.json_response({"code": 404, "message": "HTTP 404 Not Found"}, status=404)
    elif form is Form.TEXT:
        answer = web.Response(
            text=faults.exception_text(code, document), status=code, content_type="text/plain", charset="utf-8"
        )
    else:
        answer = _body(document, form, code)
    if isinstance(error, web.HTTPMethodNotAllowed):
        answer.headers["Allow"] = ", ".join(sorted(error.allowed_methods))
    if code == 401:
        answer.headers["WWW-Authenticate"] = auth.CHALLENGE
        if isinstance(error, NotAuthenticated) and error.reason is not None:
            answer.headers["Reason"] = error.reason.encode("ascii", "backslashreplace").decode()
    if isinstance(error, NotImplementedHere):
        # The document of this error has no room for words.
        answer.headers["Reason"] = error.reason
    if code == 503:
        # What took too long would do so again in a moment.
        answer.headers["Retry-After"] = "60" if isinstance(error, TookTooLong) else "1"
    return answer
