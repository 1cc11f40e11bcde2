"""Writes a report piece by piece, as CSV (RFC 4180, UTF-8) or JSON. Where it is written to is not known here.

``uri`` says exactly which file it is, whatever bytes its name has. ``path`` is for people: below the source, in one line, and
bytes that are no text as ``\\xff``. In CSV a text that a spreadsheet would take for a formula begins with an apostrophe.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

from vidijob.executors.listing.walk import Item
from vidijob.executors.storage import uri_of

COLUMNS = (
    "uri", "path", "size", "modified", "container", "duration", "bitRate", "timeCode", "videoCodec", "width", "height", "frameRate",
    "audioCodec", "channels", "sampleRate", "audioStreams", "mediaError",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
#: So much is told of a reader's complaint, in characters.
_COMPLAINT = 300

#: An item and, where it was looked into, what is in it.
Row = tuple[Item, Mapping[str, Any] | None]


class Table(Protocol):
    """One way to write a report."""

    def begin(self) -> str:
        """Return what comes before the rows."""

    def rows(self, rows: Sequence[Row]) -> str:
        """Return rows, in addition to those before."""

    def end(self, totals: Mapping[str, Any]) -> str:
        """Return what comes after the rows."""


class Csv:
    """A line for each file; the first one names the columns."""

    def begin(self) -> str:
        """Return the line that names the columns."""
        return ",".join(COLUMNS) + "\r\n"

    def rows(self, rows: Sequence[Row]) -> str:
        """Return a line for each file."""
        text = io.StringIO()
        writer = csv.writer(text)
        for item, media in rows:
            facts = _flat(item, media)
            writer.writerow([_harmless(facts.get(column)) for column in COLUMNS])
        return text.getvalue()

    def end(self, totals: Mapping[str, Any]) -> str:
        """Return nothing: the totals are in the job's data."""
        return ""


class Json:
    """An object with ``items``, one in each line, and the totals."""

    def __init__(self) -> None:
        self._first = True

    def begin(self) -> str:
        """Return the start of the object."""
        return '{"items": ['

    def rows(self, rows: Sequence[Row]) -> str:
        """Return an object for each file."""
        parts = []
        for item, media in rows:
            facts = {
                **_of_file(item),
                **({"media": _whole(media)} if media is not None and "error" not in media else {}),
            }
            if media is not None and "error" in media:
                facts["mediaError"] = _complaint(media)
            parts.append(
                ("\n" if self._first else ",\n") + json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
            )
            self._first = False
        return "".join(parts)

    def end(self, totals: Mapping[str, Any]) -> str:
        """Return the end of the list, and the totals."""
        return "\n], " + json.dumps(dict(totals))[1:] + "\n"


def legible(name: str) -> str:
    """Return a name in one line, without bytes that are no text."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def _of_file(item: Item) -> dict[str, Any]:
    return {
        "uri": uri_of(item.path),
        "path": legible(item.below),
        "size": item.size,
        "modified": _time(item.modified),
    }


def _flat(item: Item, media: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what has a column: of the streams the first picture and the first sound."""
    facts = _of_file(item)
    if media is None:
        return facts
    if "error" in media:
        return {**facts, "mediaError": _complaint(media)}
    streams = media["streams"]
    picture: Mapping[str, Any] = next((one for one in streams if one["kind"] == "video" and not one.get("picture")), {})
    sounds = [one for one in streams if one["kind"] == "audio"]
    sound: Mapping[str, Any] = sounds[0] if sounds else {}
    return {
        **facts,
        **{name: media.get(name) for name in ("container", "duration", "bitRate", "timeCode")},
        "videoCodec": picture.get("codec"),
        **{name: picture.get(name) for name in ("width", "height", "frameRate")},
        "audioCodec": sound.get("codec"),
        **{name: sound.get(name) for name in ("channels", "sampleRate")},
        "audioStreams": len(sounds),
    }


def _whole(media: Mapping[str, Any]) -> dict[str, Any]:
    facts = {name: media.get(name) for name in ("container", "duration", "bitRate", "timeCode")}
    streams = [
        {name: value for name, value in one.items() if value is not None and name != "picture"}
        for one in media["streams"]
        if not one.get("picture")
    ]
    return {**{name: value for name, value in facts.items() if value is not None}, "streams": streams}


def _complaint(media: Mapping[str, Any]) -> str:
    return legible(str(media["error"]).encode("utf-8", "replace").decode())[:_COMPLAINT]


def _harmless(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        # File systems know years that calendars do not.
        return str(seconds)
