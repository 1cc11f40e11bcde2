"""Finds out what is in a media file: how long it lasts and which streams it has. The reading is done by a child process."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from vidijob.errors import Invalid, SetupError
from vidijob.executors import process
from vidijob.executors.storage import shown

#: The containers that are read. Playlists, scripts and the like are not among them: they make a reader open other files.
FORMATS = (
    "aac,ac3,aiff,amr,ape,asf,asf_o,au,avi,av1,caf,dirac,dnxhd,dsf,dts,dtshd,dv,eac3,flac,flv,gif,gxf,h261,h263,h264,hevc,"
    "iff,ivf,m4v,matroska,webm,mjpeg,mlp,mov,mp4,m4a,3gp,3g2,mj2,mp3,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,oma,"
    "rm,rso,smjpeg,sox,swf,truehd,tta,voc,vvc,w64,wav,wtv,wv,yuv4mpegpipe"
)
#: The formats of the pictures that we make.
PICTURES = "image2,jpeg_pipe,mjpeg,png_pipe,webp_pipe"
_INSPECTION = str(Path(__file__).with_name("inspection.py"))
#: Seconds.
_LONGEST = 120.0
#: Bytes; the tags of a stream are the longest that there is.
_LONGEST_LINE = 1024 * 1024
#: Characters of JSON that are told of a file with its tags.
_MOST = 200_000


@dataclass(frozen=True, slots=True)
class Stream:
    """A picture or sound track."""

    #: ``video`` or ``audio``.
    kind: str
    codec: str
    #: Everything else that is known, by the names that users see.
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What is in a media file."""

    #: ffmpeg's name of its format.
    container: str
    #: In seconds; ``None`` where nothing tells.
    duration: float | None
    #: In bytes.
    size: int
    #: In bits per second.
    bit_rate: int | None
    #: Picture and sound, without cover pictures.
    streams: tuple[Stream, ...]
    #: That of the first picture, as the file says it; it may be nonsense.
    time_code: str | None = None

    @property
    def has_video(self) -> bool:
        """Tell whether there is a moving picture."""
        return bool(self.of_kind("video"))

    @property
    def has_audio(self) -> bool:
        """Tell whether there is sound."""
        return bool(self.of_kind("audio"))

    def of_kind(self, kind: str) -> list[Stream]:
        """Return the streams of picture (``video``), or of sound (``audio``)."""
        return [stream for stream in self.streams if stream.kind == kind]

    def text(self) -> str:
        """Return it as JSON for job data."""
        facts = {
            "container": self.container,
            "duration": self.duration,
            "size": self.size,
            "bitRate": self.bit_rate,
            "timeCode": self.time_code,
            "streams": [{"kind": stream.kind, "codec": stream.codec, **stream.facts} for stream in self.streams],
        }
        return json.dumps(_without_nothing(facts), separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> MediaInfo:
        """Read what ``text`` wrote."""
        facts = json.loads(text)
        streams = tuple(Stream(stream.pop("kind"), stream.pop("codec"), stream) for stream in facts["streams"])
        return cls(
            facts["container"],
            facts.get("duration"),
            facts["size"],
            facts.get("bitRate"),
            streams,
            facts.get("timeCode"),
        )


async def probe(path: Path, key: str = "sourceUri", name: str | None = None) -> MediaInfo:
    """Return what is in a media file; raise ``Invalid`` for one that is none.

    The complaint is about the data key ``key`` and calls the file ``name``, or else by its path.
    """
    name = name or shown(path)
    info = _media_info(*await _read(path, key, name, FORMATS))
    if not info.streams:
        raise Invalid(key, f"{name} has neither picture nor sound.")
    return info


async def examine(path: Path, key: str = "sourceUri", name: str | None = None) -> dict[str, Any]:
    """Return everything that is known of a media file, as JSON has it; raise ``Invalid`` for one that is none.

    What ``MediaInfo.text`` tells has the same names here; its ``streams`` are among these, which have those of every kind.
    """
    name = name or shown(path)
    whole, streams = await _read(path, key, name, FORMATS, "full")
    for facts in streams:
        if facts.pop("picture", False):
            facts["kind"] = "cover"
    facts = {**whole, "streams": streams}
    if not streams:
        raise Invalid(key, f"{name} holds no streams.")
    if len(json.dumps(facts)) > _MOST:
        for one in (facts, *streams):
            one.pop("tags", None)
    return cast("dict[str, Any]", _without_nothing(facts))


async def size_of_picture(path: Path, key: str, name: str) -> tuple[int, int]:
    """Return the width and height of a JPEG, PNG or WebP; raise ``Invalid`` for a file that is none."""
    _, streams = await _read(path, key, name, PICTURES)
    if not streams or not streams[0].get("width"):
        raise Invalid(key, f"{name} is no picture.")
    return streams[0]["width"], streams[0]["height"]


async def _read(path: Path, key: str, name: str, *arguments: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the facts of a file and those of its streams; ``arguments`` begin with the formats that are allowed."""
    lines: list[str] = []
    formats, *more = arguments
    command = [sys.executable, "-I", _INSPECTION, formats, str(path), *more]
    try:
        async with asyncio.timeout(_LONGEST):
            ended = await process.run(command, on_line=lines.append, longest_line=_LONGEST_LINE)
    except TimeoutError:
        raise Invalid(key, f"{name} cannot be read as media: it kept the reader busy for too long.") from None
    streams: list[dict[str, Any]] = []
    answer: dict[str, Any] = {}
    if ended.code == 0:
        *streams, answer = map(json.loads, lines)
    if "missing" in answer:
        raise SetupError(f"Media files cannot be read here ({answer['missing']}); install vidijob[media].")
    if "error" in answer:
        raise Invalid(key, f"{name} is not a media file that can be read here ({answer['error']}).")
    if "container" not in answer:
        raise Invalid(key, f"{name} is damaged: it ends its reader ({_how(ended)}).")
    return answer, streams


def _media_info(answer: dict[str, Any], found: list[dict[str, Any]]) -> MediaInfo:
    streams = tuple(
        Stream(facts.pop("kind"), facts.pop("codec"), facts) for facts in found if not facts.pop("picture", False)
    )
    return MediaInfo(
        answer["container"], answer["duration"], answer["size"], answer["bitRate"], streams, answer["timeCode"]
    )


def _without_nothing(facts: Any) -> Any:
    if isinstance(facts, dict):
        return {key: _without_nothing(value) for key, value in facts.items() if value is not None}
    return [_without_nothing(value) for value in facts] if isinstance(facts, list) else facts


def _how(ended: process.Ended) -> str:
    return f"signal {-ended.code}" if ended.code < 0 else f"exit status {ended.code}"
