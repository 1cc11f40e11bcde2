"""Reads a timeline file, by a child process, and finds the media of its clips below the storage roots.

A clip's media is looked for, in this order: among the values of ``mediaUri`` that name it, ``REEL=URI``, by its reel, its name,
or the name of its media; among those that are only a URI, whose file is called like one of these, with or without its
ending; and at the address that the timeline itself gives, which may be relative to the timeline's own folder.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from vidijob.errors import Invalid, SetupError
from vidijob.executors import jobdata, process
from vidijob.executors.editing.lanes import Lanes, Part
from vidijob.executors.media import cut
from vidijob.executors.media.cut import Cut
from vidijob.executors.media.probing import MediaInfo
from vidijob.executors.media.timecode import Clock, is_drop, standard
from vidijob.executors.storage import Storage, shown
from vidijob.jobs.model import JobData

#: The job data key under which what was read is kept for the steps that follow.
KEPT = "timelineInfo"
KEYS = ("timelineUri", "sourceUri")
#: Bytes of a timeline file, and of what is told of it.
_LARGEST = 32 * 1024 * 1024
_TOLD = 1_000_000
#: Seconds.
_LONGEST = 90.0
_READING = str(Path(__file__).with_name("reading.py"))

Item = Mapping[str, Any]


def uri_of(data: JobData) -> str:
    """Return where the timeline is."""
    given = [key for key in KEYS if jobdata.values(data, key)]
    if len(given) > 1:
        raise Invalid(given[1], "The job has timelineUri and sourceUri, which both name the timeline; give one.")
    return jobdata.single(
        data, given[0] if given else KEYS[0], "the timeline: an OTIO file, an EDL, or XML of Final Cut Pro"
    )


def content(data: JobData, storage: Storage) -> bytes:
    """Return what is in the timeline's file; it blocks."""
    uri = uri_of(data)
    descriptor = storage.open_source(storage.source(uri, "timelineUri"))
    with os.fdopen(descriptor, "rb") as file:
        found = file.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise Invalid("timelineUri", f"{shown(uri)} is larger than {_LARGEST} bytes, so it is hardly a timeline.")
    return found


async def read(text: bytes, name: str, rate: Fraction) -> tuple[Item, list[Item]]:
    """Return the facts of a timeline and its items; ``rate`` is that of an EDL's time codes.

    Raise ``Invalid`` for one that cannot be read, or has what cannot be carried out.
    """
    lines: list[str] = []
    try:
        async with asyncio.timeout(_LONGEST):
            ended = await process.run(
                [sys.executable, "-I", _READING, repr(float(rate))], on_line=lines.append, given=text or b"\n"
            )
    except TimeoutError:
        raise Invalid("timelineUri", f"{name} cannot be read: it kept the reader busy for too long.") from None
    if ended.code != 0 or not lines:
        how = f"signal {-ended.code}" if ended.code < 0 else f"exit status {ended.code}"
        raise Invalid("timelineUri", f"{name} cannot be read as a timeline: it ends its reader ({how}).")
    facts, *items = map(json.loads, lines)
    if "missing" in facts:
        raise SetupError(f"Timelines cannot be read here ({facts['missing']}); install vidijob[timeline].")
    if "refused" in facts:
        raise Invalid("timelineUri", f"{name} cannot be carried out: {facts['refused']}.")
    if "error" in facts:
        raise Invalid("timelineUri", f"{name} is not a timeline that can be read ({shown(facts['error'])}).")
    return facts, items


def kept(items: Sequence[Item]) -> str:
    """Return items as a value of job data."""
    text = json.dumps(items, separators=(",", ":"))
    if len(text) > _TOLD:
        raise Invalid("timelineUri", f"The timeline has {len(items)} clips and gaps, which is too much for one job.")
    return text


def lanes(data: JobData, storage: Storage) -> Lanes:
    """Return what a timeline that was read puts together; raise ``Absent`` for media that is not there."""
    items: list[Item] = json.loads(jobdata.single(data, KEPT, "what the step that reads the timeline has found"))
    names = dict.fromkeys(item["lane"] for item in items)
    media = _Media(data, storage)
    of = {name: [_part(item, media) for item in items if item["lane"] == name] for name in names}
    pictures = of.pop("V", [])
    # Tracks that are alike are the channels of one sound, which the source has as one.
    alike: dict[str, Sequence[Part]] = {}
    for name, parts in of.items():
        alike.setdefault(json.dumps([{**item, "lane": ""} for item in items if item["lane"] == name]), parts)
    found = Lanes(pictures, list(alike.values()) or [pictures], _rate(items))
    found.require_few("timelineUri")
    return found


def _rate(items: Sequence[Item]) -> Fraction | None:
    """Return the rate of the picture: that in which its first item is counted."""
    counted = [item["duration"][1] for item in items if item["lane"] == "V"]
    return standard(Fraction(counted[0])) if counted and counted[0] > 0 else None


def _part(item: Item, media: _Media) -> Part:
    seconds = _time(item["duration"])
    if "start" not in item:
        return Part("a gap", None, partial(_cut, Fraction(0), None, seconds), seconds)
    origin = _time(item["origin"]) if "origin" in item else None
    return Part(
        item["name"] or "a clip", media.find(item), partial(_cut, _time(item["start"]), origin, seconds), seconds
    )


def _cut(start: Fraction, origin: Fraction | None, seconds: Fraction, info: MediaInfo) -> Cut:
    """Return the part of a file that a clip shows, whose time begins at ``origin``, else at the file's own time code."""
    begin = start - (_own(info) if origin is None else origin)
    if not info.has_video:
        return cut.of(info, "startTime", f"{float(begin):.6f}", "endTime", f"{float(begin + seconds):.6f}")
    rate = standard(Fraction(info.of_kind("video")[0].facts.get("frameRate") or 25))
    first = round(begin * rate)
    return cut.of(info, "firstFrame", str(first), "lastFrame", str(first + max(1, round(seconds * rate)) - 1))


def _own(info: MediaInfo) -> Fraction:
    """Return when a file begins by its own time code, in seconds."""
    if info.time_code is None or not info.has_video:
        return Fraction(0)
    rate = standard(Fraction(info.of_kind("video")[0].facts.get("frameRate") or 25))
    try:
        return Clock(rate, is_drop(info.time_code)).parse(info.time_code) / rate
    except ValueError:
        return Fraction(0)


def _time(counted: Sequence[float]) -> Fraction:
    value, rate = counted
    if not (rate > 0 and abs(value) < 1e12):
        raise Invalid("timelineUri", f"The timeline has a time of {value} at the rate {rate}, which is none.")
    return Fraction(value).limit_denominator(1_000_000) / standard(Fraction(rate))


class _Media:
    """Where the media of clips is."""

    def __init__(self, data: JobData, storage: Storage) -> None:
        self._storage = storage
        self._folder = Path(storage.source(uri_of(data), "timelineUri")).parent
        self._named: dict[str, str] = {}
        self._files: dict[str, str] = {}
        for value in jobdata.values(data, "mediaUri"):
            name, sign, uri = value.partition("=")
            if sign and "/" not in name:
                self._enter(self._named, name, uri)
            else:
                file = storage.name(value, "mediaUri")
                self._enter(self._files, file, value)
                if Path(file).stem != file:
                    self._enter(self._files, Path(file).stem, value)

    def find(self, item: Item) -> Path:
        """Return the file of a clip."""
        address = item.get("url")
        last = unquote(urlsplit(address).path).rpartition("/")[2] if address else None
        called = [name for name in (item.get("reel"), item.get("reference"), last, item["name"]) if name]
        called += [Path(name).stem for name in called if "." in name]
        for known in (self._named, self._files):
            for name in called:
                if (uri := known.get(name.casefold())) is not None:
                    return self._storage.source(uri, "mediaUri")
        if not address:
            raise Invalid(
                "mediaUri",
                f"The timeline does not say where the media of {shown(item['name'])} is, and no mediaUri is called like it; "
                f"give one, or one like {shown(called[0] if called else 'REEL')}=URI.",
            )
        if "://" in address or address.startswith(("/", "file:")):
            return self._storage.source(address, "timelineUri")
        return self._storage.source(str(self._folder / unquote(address)), "timelineUri")

    def _enter(self, known: dict[str, str], name: str, uri: str) -> None:
        key = name.strip().casefold()
        if not key or known.get(key, uri) != uri:
            raise Invalid("mediaUri", f"Two values of mediaUri are called {shown(name)}; give one, or write REEL=URI.")
        known[key] = uri
