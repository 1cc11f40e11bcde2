"""Batches: several requests in one body, some of them in changesets, of which all are done or none; and the answers to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import uuid4

from vidijob.errors import Unreadable

_MOST = 1000
_LINE = re.compile(rb"([A-Z][A-Z-]{1,19})[ \t]+(\S{1,8000})(?:[ \t]+HTTP/1\.[01])?[ \t]*")
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"([^"\r\n]{1,200})"|([^\s;,"]{1,200}))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a batch."""

    method: str
    #: As it was written: absolute, rooted or relative.
    url: str
    #: By name in small letters.
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_id(self) -> str | None:
        """Return what other requests of the changeset name it by, as ``$1``."""
        return self.headers.get("content-id")


@dataclass(frozen=True, slots=True)
class Response:
    """The answer to one request."""

    status: int
    reason: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def read(body: bytes, media: str | None) -> list[Request | list[Request]]:
    """Return the requests, those of a changeset together; raises ``Unreadable``."""
    parts: list[Request | list[Request]] = []
    count = 0
    for headers, content in _parts(body, media):
        inner = headers.get("content-type", "")
        if inner.lower().startswith("multipart/mixed"):
            changes = [_request(their, rest) for their, rest in _parts(content, inner)]
            parts.append(changes)
            count += len(changes)
        else:
            parts.append(_request(headers, content))
            count += 1
        if count > _MOST:
            raise Unreadable("$batch", f"A batch has at most {_MOST} requests.")
    return parts


def write(answers: Sequence[Response | Sequence[Response]]) -> tuple[bytes, str]:
    """Return the body that holds all answers, and its type."""
    boundary = f"batchresponse_{uuid4()}"
    pieces = []
    for answer in answers:
        if isinstance(answer, Response):
            pieces.append(_wrapped(answer))
            continue
        inner = f"changesetresponse_{uuid4()}"
        whole = _joined([_wrapped(one) for one in answer], inner)
        pieces.append(f"Content-Type: multipart/mixed; boundary={inner}\r\n\r\n".encode() + whole)
    return _joined(pieces, boundary), f"multipart/mixed; boundary={boundary}"


def _joined(pieces: Sequence[bytes], boundary: str) -> bytes:
    line = f"--{boundary}".encode()
    return b"".join(line + b"\r\n" + piece + b"\r\n" for piece in pieces) + line + b"--\r\n"


def _wrapped(answer: Response) -> bytes:
    lines = [
        f"HTTP/1.1 {answer.status} {answer.reason}",
        *(f"{name}: {value}" for name, value in answer.headers.items()),
    ]
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n" + "\r\n".join(lines)
    return head.encode() + b"\r\n\r\n" + answer.body


def _parts(body: bytes, media: str | None) -> list[tuple[dict[str, str], bytes]]:
    found = _BOUNDARY.search(media or "")
    if found is None or not (media or "").lower().startswith("multipart/mixed"):
        raise Unreadable("$batch", "A batch is multipart/mixed, and its Content-Type says with which boundary.")
    boundary = re.escape((found[1] or found[2]).encode())
    marks = list(re.finditer(rb"(?:^|\r?\n)--" + boundary + rb"(--)?[ \t]*(?=\r?\n|\Z)", body))
    if not marks or marks[-1][1] is None or len(marks) > _MOST + 1:
        raise Unreadable("$batch", f"The body does not end with its boundary, or has more than {_MOST} parts.")
    parts = []
    for mark, following in pairwise(marks):
        if mark[1] is not None:
            break
        part = body[mark.end() : following.start()]
        parts.append(_split(part[2:] if part.startswith(b"\r\n") else part[1:]))
    return parts


def _split(part: bytes) -> tuple[dict[str, str], bytes]:
    """Take the headers of a part, or of a request, off its content."""
    headers: dict[str, str] = {}
    rest = part
    while rest:
        line, _, rest = rest.partition(b"\n")
        text = line.decode("utf-8", "replace").strip()
        if not text:
            break
        name, colon, value = text.partition(":")
        if not colon or len(headers) > 100:
            raise Unreadable("$batch", f"This is no header: {text[:100]!r}.")
        headers[name.strip().lower()] = value.strip()
    return headers, rest


def _request(headers: Mapping[str, str], content: bytes) -> Request:
    if not headers.get("content-type", "").lower().startswith("application/http"):
        raise Unreadable("$batch", "A part of a batch is application/http, or a changeset of such parts.")
    first, _, rest = content.lstrip(b"\r\n").partition(b"\n")
    match = _LINE.fullmatch(first.rstrip(b"\r"))
    if match is None:
        raise Unreadable("$batch", f"This is no request: {first[:100].decode('utf-8', 'replace')!r}.")
    inner, body = _split(rest)
    # It stands here or there.
    known = {"content-id": headers["content-id"]} if "content-id" in headers else {}
    return Request(match[1].decode(), match[2].decode("utf-8", "replace"), {**known, **inner}, body)
