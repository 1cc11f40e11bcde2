"""Finds out what form a sidecar file has, and reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from vidijob.executors import markup
from vidijob.executors.sidecar import decoding, metadata, srt, ttml, webvtt
from vidijob.executors.sidecar.cues import Cue, Cues, Problems, Unreadable
from vidijob.executors.threads import Stop

FORMATS = ("srt", "webvtt", "ttml", "xml")
_LANGUAGE = re.compile(r"[A-Za-z]{2}([_-][A-Za-z0-9]{2,8})?")
#: Endings of media that look like languages.
_MEDIA = frozenset({"ts", "rm", "au", "dv"})
_LONGEST_LANGUAGE = 35


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a sidecar file says."""

    #: One of ``FORMATS``.
    format: str
    encoding: str
    language: str | None
    cues: list[Cue]
    #: Of XML that has no cues.
    values: dict[str, list[str]] = field(default_factory=dict)


def read(content: bytes, name: str, wanted: str | None, problems: Problems, stop: Stop) -> Sidecar:
    """Read a file; raise ``Unreadable`` for one that is refused as a whole. ``wanted`` is its form, where somebody says it."""
    cues = Cues(problems)
    if wanted in ("xml", "ttml") or (wanted is None and _begins_as_xml(content)):
        return _read_xml(content, wanted, cues, stop)
    text, encoding = decoding.decode(content, problems)
    form = wanted or ("webvtt" if text.startswith("WEBVTT") else "srt")
    numbered = decoding.lines(text)
    if form == "webvtt":
        if encoding != "UTF-8":
            problems.slip(1, f"the file is {encoding}; WebVTT is UTF-8.")
        said = webvtt.read(numbered, cues, stop)
    else:
        said = None
        srt.read(numbered, cues, stop)
    _require_cues(cues)
    return Sidecar(form, encoding, said or language_of(name), cues.found)


def _read_xml(content: bytes, wanted: str | None, cues: Cues, stop: Stop) -> Sidecar:
    try:
        root = markup.read(content, stop)
    except markup.NotRead as error:
        raise Unreadable(error.line, error.reason) from None
    encoding = markup.encoding_of(content)
    if wanted == "ttml" or (wanted is None and ttml.is_ttml(root)):
        said = ttml.read(root, cues, stop)
        _require_cues(cues)
        return Sidecar("ttml", encoding, said[:_LONGEST_LANGUAGE] if said else None, cues.found)
    return Sidecar("xml", encoding, None, [], metadata.read(root))


def language_of(name: str) -> str | None:
    """Return the language that a file's name says: ``de-AT`` of ``film.de-AT.srt``."""
    said = Path(Path(name).stem).suffix.removeprefix(".")
    return said.replace("_", "-") if _LANGUAGE.fullmatch(said) and said.lower() not in _MEDIA else None


def _begins_as_xml(content: bytes) -> bool:
    """Tell whether a file begins with markup, in whatever encoding."""
    start = content[:200].translate(None, b"\0").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n")
    return start.startswith(b"<")


def _require_cues(cues: Cues) -> None:
    if not cues.found and not cues.problems.errors:
        raise Unreadable(1, "the file has no cue.")
