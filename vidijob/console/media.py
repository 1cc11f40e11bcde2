"""What a job found out about media, in a few words each: read from its data, where anything may stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from vidijob.console import words
from vidijob.jobs.model import JobData

_LONGEST = 1_000_000
_MOST = 20
_RATIO = re.compile(r"([0-9]{1,12})/([0-9]{1,12})")
_INFO = {"mediaInfo": "Source", "outputMediaInfo": "Result"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A file, and what is known of it."""

    title: str
    lines: Sequence[str]


def facts(data: JobData) -> list[Fact]:
    """Return what is known of the sources and of the results."""
    found = []
    for key, title in _INFO.items():
        values = data.get(key, ())[:_MOST]
        for place, text in enumerate(values, 1):
            lines = _lines(_read(text))
            if lines:
                found.append(Fact(f"{title} {place}" if len(values) > 1 else title, lines))
    files = [unquote(uri).rpartition("/")[2] or uri for uri in data.get("fileUri", ())[:_MOST]]
    sizes = data.get("fileSize", ())
    if files:
        found.append(
            Fact(
                "Files made" if len(files) > 1 else "File made",
                [f"{name}, {_size(sizes[place])}" if place < len(sizes) else name for place, name in enumerate(files)],
            )
        )
    return found


def _size(text: str) -> str:
    return words.sized(int(text)) if text.isascii() and text.isdecimal() and len(text) < 20 else text


def _read(text: str) -> Mapping[str, Any]:
    if len(text) > _LONGEST:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lines(info: Mapping[str, Any]) -> list[str]:
    streams = info.get("streams")
    lines = [
        line
        for stream in (streams if isinstance(streams, list) else [])[:_MOST]
        if isinstance(stream, dict) and (line := _stream(stream))
    ]
    whole = [f"{info['duration']:g} s" if _is_number(info.get("duration")) else ""]
    whole += [words.sized(int(info["size"])) if _is_number(info.get("size")) else ""]
    whole += [f"{info['bitRate'] / 1e6:.3g} Mbit/s" if _is_number(info.get("bitRate")) else ""]
    told = ", ".join(one for one in whole if one)
    return [*([told] if told else []), *lines]


def _stream(stream: Mapping[str, Any]) -> str:
    parts = [str(stream.get("kind", "")), str(stream.get("codec", ""))]
    if _is_number(stream.get("width")) and _is_number(stream.get("height")):
        parts.append(f"{stream['width']}\N{MULTIPLICATION SIGN}{stream['height']}")
    if "frameRate" in stream:
        parts.append(f"{_rate(str(stream['frameRate']))} fps")
    if _is_number(stream.get("sampleRate")):
        parts.append(f"{stream['sampleRate'] / 1000:g} kHz")
    parts.append(str(stream.get("layout") or ""))
    return " · ".join(part[:60] for part in parts if part)


def _rate(text: str) -> str:
    """Return a rate as people say it: 29.97 for 30000/1001."""
    match = _RATIO.fullmatch(text)
    if match is None or not int(match[2]):
        return text
    return f"{int(match[1]) / int(match[2]):.3f}".rstrip("0").rstrip(".")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e18
