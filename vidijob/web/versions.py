"""Versions of answers (RFC 9110, 8.8.3 and 13.1.2): who names the one that there is has it already and is not sent it again."""

from __future__ import annotations

import re
from hashlib import blake2b

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def tag(body: bytes) -> str:
    """Return the ``ETag`` of an answer: the same for the same bytes, whichever process made them."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


def known(if_none_match: str | None, tag: str) -> bool:
    """Tell whether a header ``If-None-Match`` names a version; what is no tag names none."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAG.findall(if_none_match)
