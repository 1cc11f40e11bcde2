"""Files by bucket and path, for faces whose clients know no folders: a bucket is a folder of a storage root. What a path
leads to is looked at again, links resolved, when a job uses it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes, urlsplit

from vidijob.errors import Invalid
from vidijob.executors.names import uri_of

_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_LONGEST_PATH = 1023


@dataclass(frozen=True, slots=True)
class Buckets:
    """The buckets of some storage roots."""

    roots: Sequence[Path]

    def uri(self, bucket: str, path: str) -> str:
        """Return the URI of a file; the bucket is looked for in the roots, in their order, else it is in the first."""
        root = next((root for root in self.roots if (root / bucket).is_dir()), self.roots[0])
        return uri_of(root / bucket / path)

    def place(self, uri: str) -> tuple[str, str] | None:
        """Return in which bucket a file is, and its path there; ``None``: in none."""
        if not uri.startswith("file:"):
            return None
        whole = unquote_to_bytes(urlsplit(uri).path).decode("utf-8", "replace")
        for root in self.roots:
            bucket, _, path = whole.removeprefix(f"{root}/").partition("/")
            if whole.startswith(f"{root}/") and path:
                return bucket, path
        return None


def check_bucket(name: str, context: str) -> str:
    """Return the name that a bucket can have; raises ``Invalid``."""
    if not _BUCKET.fullmatch(name):
        raise Invalid(
            context, "A bucket is letters, digits, '.', '-' and '_', 63 at most, no '.' first.", value=name[:100]
        )
    return name


def decoded(text: str, context: str) -> str:
    """Return the path that a percent-encoded text is; raises ``Invalid`` for one that would lead out of its bucket."""
    try:
        path = unquote_to_bytes(text).decode("utf-8")
    except UnicodeError:
        raise Invalid(context, "It is not UTF-8, percent-encoded.", value=text[:100]) from None
    parts = path.split("/")
    if "\x00" in path or any(part in ("", ".", "..") for part in parts) or len(path.encode()) > _LONGEST_PATH:
        raise Invalid(
            context,
            f"It is the path of a file, of at most {_LONGEST_PATH} bytes, without '.', '..' and empty parts.",
            value=text[:100],
        )
    return path


def encoded(path: str) -> str:
    """Return a path percent-encoded."""
    return quote(path, safe="/-_.~")
