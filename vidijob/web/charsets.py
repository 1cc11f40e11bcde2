"""Bodies that are not in UTF-8, as some clients send them: by the ``charset`` of their type (a widely used HTTP library says
ISO-8859-1 unless it is told otherwise), or in UTF-16. Pure functions.
"""

from __future__ import annotations

import re

from vidijob.binding import utf8
from vidijob.web.negotiate import Form

#: Those that are taken, by the names that clients give them; any other name is passed over.
_CHARSETS = {
    "iso-8859-1": "iso-8859-1", "latin1": "iso-8859-1", "iso-8859-15": "iso-8859-15", "windows-1252": "windows-1252",
    "cp1252": "windows-1252",
}  # fmt: skip
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([\w.-]{1,40})", re.IGNORECASE)
_DECLARED = re.compile(rb"\s*<\?xml\s[^>]{0,200}?encoding\s*=\s*[\"']([\w.-]{1,40})[\"']")
#: How a document in UTF-16 begins: with its mark, or with a sign of which one half is zero.
_WIDE = re.compile(rb"(?P<le>\xff\xfe|[^\x00]\x00)|\xfe\xff|\x00[^\x00]")


def in_utf8(body: bytes, content_type: str | None, form: Form | None) -> bytes:
    """Return a document in UTF-8, where its bytes and what is said of them leave no doubt; else as it came.

    Bytes that are UTF-8 stay, whatever is said of them: many clients say what they do not do. XML in UTF-16, or that
    declares another encoding, is left to its reader.
    """
    wide = _WIDE.match(body)
    if wide is not None:
        return _decoded(body, "utf-16-le" if wide["le"] else "utf-16-be") if form is Form.JSON else body
    said = _CHARSET.search(content_type or "")
    charset = _CHARSETS.get(said[1].lower()) if said else None
    if charset is None or utf8.wrong_at(body) is None:
        return body
    declared = _DECLARED.match(body[:400]) if form is Form.XML else None
    if declared is not None and declared[1].upper() not in (b"UTF-8", b"UTF8"):
        return body
    return _decoded(body, charset)


def _decoded(body: bytes, charset: str) -> bytes:
    try:
        return body.decode(charset).removeprefix("\ufeff").encode()
    except UnicodeError:
        return body
