"""What is refused of XML before its parser sees it, whoever reads: a tag with very many attributes. expat takes seconds for
it, in which nothing else of the process runs, and tells of it only at its end.
"""

from __future__ import annotations

import codecs
import re

MOST_ATTRIBUTES = 10_000
#: What has no room for so many is not looked into.
_LONG = re.compile(rb"<[^<]{40000,}")
_ATTRIBUTE = rb"""\s+[^\s=/>"']+\s*=\s*(?:"[^"<]*"|'[^'<]*')"""
_CROWDED = re.compile(rb"<[^\s/>!?][^\s/>]*(?:%b){%d}" % (_ATTRIBUTE, MOST_ATTRIBUTES + 1))
#: How UTF-16 begins, with its mark or without, as the parser tells it.
_WIDE = {
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
    b"<\x00": "utf-16-le",
    b"\x00<": "utf-16-be",
}


def crowded(body: bytes) -> int | None:
    """Return the line of the first tag with more than ``MOST_ATTRIBUTES``, counted from 1, or ``None``."""
    wide = _WIDE.get(body[:2])
    if wide is not None:
        body = body.decode(wide, "replace").encode(errors="replace")
    for stretch in _LONG.finditer(body):
        # Text follows the tag; the signs are counted first, since that costs next to nothing.
        if stretch[0].count(b"=") > MOST_ATTRIBUTES and _CROWDED.match(body, stretch.start()):
            return body.count(b"\n", 0, stretch.start()) + 1
    return None
