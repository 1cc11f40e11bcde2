"""Runs as a process of its own: opens one media file with PyAV and prints as JSON what is in it.

``python -I inspection.py FORMATS FILE [full]``. It imports nothing of ours. A hostile file may crash, hang or bloat the
libraries that read it; here it takes nothing else with it. It prints a line for each stream and then one for the file, or,
when it cannot be read, only ``{"error": …}``. With ``full`` it tells everything: also of streams that are neither picture nor
sound, tags, chapters, colours and what else only the first frame shows. The names of the short form mean the same in both.
"""

import json
import os
import re
import resource
import struct
import sys
import time
from contextlib import suppress
from fractions import Fraction
from typing import Any

#: Bytes of address space and seconds of processor time.
_MEMORY = 4 * 1024**3
_SECONDS = 60
#: Seconds to look for the end of a file whose container does not tell how long it lasts, and for a first frame.
_MEASURING = 20
_LOOKING = 5
#: How many streams and chapters are told of; how many tags of each, and how many characters of them.
_STREAMS = 64
_CHAPTERS = 200
_TAGS = 64
_TEXT = 300


def _numbered(text: str) -> dict[int, str]:
    words = text.split()
    return dict(zip(map(int, words[::2]), words[1::2], strict=True))


#: The numbers of ITU-T H.273, and ffmpeg's of the order of fields.
_PRIMARIES = _numbered(
    "1 bt709 4 bt470m 5 bt470bg 6 smpte170m 7 smpte240m 8 film 9 bt2020 10 smpte428 11 smpte431 12 smpte432 22 ebu3213"
)
_TRANSFER = _numbered(
    "1 bt709 4 gamma22 5 gamma28 6 smpte170m 7 smpte240m 8 linear 9 log100 10 log316 11 iec61966-2-4 12 bt1361e "
    "13 iec61966-2-1 14 bt2020-10 15 bt2020-12 16 smpte2084 17 smpte428 18 arib-std-b67"
)
_MATRIX = _numbered(
    "0 gbr 1 bt709 4 fcc 5 bt470bg 6 smpte170m 7 smpte240m 8 ycgco 9 bt2020nc 10 bt2020c 11 smpte2085 "
    "12 chroma-derived-nc 13 chroma-derived-c 14 ictcp"
)
_RANGE = _numbered("1 tv 2 pc")
_FIELDS = _numbered("1 progressive 2 tt 3 bb 4 tb 5 bt")


def main() -> None:
    """Print what is in the file that the command line names."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answers = inspect(sys.argv[1], sys.argv[2], full=sys.argv[3:] == ["full"])
    except ImportError as error:
        answers = [{"missing": str(error)}]
    except Exception as error:
        answers = [{"error": getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"}]
    for answer in answers:
        sys.stdout.write(json.dumps(answer) + "\n")


def inspect(formats: str, path: str, *, full: bool = False) -> list[dict[str, Any]]:
    """Return the facts of the streams and of the file, which must be in one of the formats that are allowed."""
    import av

    av.logging.set_level(None)
    options = {"protocol_whitelist": "file", "format_whitelist": formats}
    with av.open("file:" + path, options=options, metadata_errors="replace") as container:
        seen = list(container.streams)[: _STREAMS if full else None]
        known = {stream.index: facts for stream in seen if (facts := _stream(stream)) is not None}
        streams = list(known.values())
        duration = container.duration / av.time_base if container.duration and container.duration > 0 else None
        if duration is None:
            duration = max((facts["duration"] for facts in streams if facts["duration"]), default=None)
        if duration is None and streams:
            duration = _measure(container)
        more: dict[str, Any] = {}
        if full:
            streams = [{**_full(stream), **known.get(stream.index, {})} for stream in seen]
            more = _whole(container)
            for place, facts in _first_frames(container, seen).items():
                streams[place] |= facts
        return [
            *streams[:_STREAMS],
            {
                "container": container.format.name,
                "duration": duration,
                "size": os.path.getsize(path),
                "bitRate": container.bit_rate or None,
                "timeCode": _time_code(container),
                **more,
            },
        ]


def _time_code(container: Any) -> str | None:
    """Return the time code of the first picture: the picture's own, that of a track of time codes, the file's."""
    streams = sorted(container.streams, key=lambda stream: stream.type != "video")
    tags = [stream.metadata for stream in streams] + [container.metadata]
    return next((tag["timecode"] for tag in tags if "timecode" in tag), None)


def _duration(stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    # Where Matroska keeps it.
    try:
        hours, minutes, seconds = stream.metadata["DURATION"].split(":")
        return (int(hours) * 60 + int(minutes)) * 60 + float(seconds)
    except (KeyError, ValueError):
        return None


def _stream(stream: Any) -> dict[str, Any] | None:
    import av

    if stream.type not in ("video", "audio") or stream.codec_context is None:
        return None
    codec = stream.codec_context
    facts: dict[str, Any] = {
        "kind": stream.type,
        "codec": codec.name,
        "startTime": float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0,
        "duration": _duration(stream),
        "bitRate": codec.bit_rate or None,
    }
    if stream.type == "video":
        rate = stream.average_rate or stream.guessed_rate
        ratio = codec.sample_aspect_ratio
        facts |= {
            "width": codec.width,
            "height": codec.height,
            "pixelFormat": codec.pix_fmt,
            "frameRate": str(rate) if rate else None,
            "frames": stream.frames or None,
            "pixelAspectRatio": str(ratio) if ratio else None,
            "picture": bool(stream.disposition & av.stream.Disposition.attached_pic),
        }
    else:
        facts |= {"sampleRate": codec.sample_rate, "channels": codec.channels, "layout": codec.layout.name}
    return facts


def _measure(container: Any) -> float | None:
    """Return the time between the first and the last packet, or nothing when that takes too long."""
    enough = time.monotonic() + _MEASURING
    first: Fraction | None = None
    last = Fraction(0)
    for packet in container.demux():
        if time.monotonic() > enough:
            return None
        if packet.pts is not None and packet.time_base is not None:
            start = packet.pts * packet.time_base
            first = start if first is None else min(first, start)
            last = max(last, start + (packet.duration or 0) * packet.time_base)
    return float(last - first) if first is not None and last > first else None


def _full(stream: Any) -> dict[str, Any]:
    """Return what the short form does not tell of a stream, or tells only of picture and sound."""
    tags = _tags(stream.metadata)
    language = tags.get("language")
    facts: dict[str, Any] = {
        "kind": stream.type,
        "index": stream.index,
        "startTime": _seconds(stream.start_time, stream.time_base),
        "duration": _duration(stream),
        "frames": stream.frames or None,
        "language": language if language != "und" else None,
        "timeCode": tags.get("timecode"),
        "disposition": [one.name for one in type(stream.disposition) if one & stream.disposition],
        "tags": tags,
    }
    codec = stream.codec_context
    if codec is None:
        return facts
    facts |= {
        "codec": codec.name,
        "codecName": codec.codec.long_name,
        "codecTag": tag if (tag := codec.codec_tag.strip("\0 ")).isprintable() else None,
        "profile": codec.profile,
    }
    if stream.type == "video":
        facts |= {
            "level": codec.level if codec.level > 0 else None,
            "bitDepth": codec.format.components[0].bits if codec.format else None,
            "displayAspectRatio": _shape(codec),
            "fieldOrder": _FIELDS.get(int(codec.field_order)),
            **_colour(codec),
        }
    elif stream.type == "audio":
        facts |= {
            "sampleFormat": codec.format.name if codec.format else None,
            "bitDepth": getattr(codec, "bits_per_coded_sample", None) or _depth(codec),
            "channelNames": [channel.name for channel in codec.layout.channels],
        }
    return facts


def _depth(codec: Any) -> int | None:
    """Return the bits of a sample where they are kept as they are, and known."""
    found = re.match(r"pcm_[a-z]+(\d+)", codec.name)
    if found:
        return int(found[1])
    lossless = codec.name in ("flac", "alac", "wavpack", "tta", "truehd", "mlp")
    # 24 bits are handed on as 32, so that 32 says nothing.
    return 16 if lossless and codec.format and codec.format.bits == 16 else None


def _shape(codec: Any) -> str | None:
    """Return how wide a picture is shown for its height."""
    if not codec.width or not codec.height:
        return None
    ratio = Fraction(codec.width, codec.height) * (codec.sample_aspect_ratio or 1)
    return f"{ratio.numerator}:{ratio.denominator}"


def _whole(container: Any) -> dict[str, Any]:
    tags = _tags(container.metadata)
    return {
        "containerName": container.format.long_name,
        "startTime": container.start_time / 1_000_000 if container.start_time is not None else None,
        "tags": tags,
        "chapters": [
            {
                "start": _seconds(chapter["start"], chapter["time_base"]),
                "end": _seconds(chapter["end"], chapter["time_base"]),
                "title": str(chapter["metadata"].get("title", ""))[:_TEXT] or None,
            }
            for chapter in container.chapters()[:_CHAPTERS]
        ],
    }


def _first_frames(container: Any, streams: list[Any]) -> dict[int, dict[str, Any]]:
    """Return what the first frame of each picture shows, by the stream's place; nothing where none can be decoded."""
    import av

    wanted = {
        stream.index: place
        for place, stream in enumerate(streams)
        if stream.type == "video"
        and stream.codec_context is not None
        and not stream.disposition & av.stream.Disposition.attached_pic
    }
    found: dict[int, dict[str, Any]] = {}
    enough = time.monotonic() + _LOOKING
    with suppress(Exception):
        container.seek(0)
    with suppress(Exception):
        for packet in container.demux([stream for stream in streams if stream.index in wanted]):
            place = wanted[packet.stream.index]
            if place not in found:
                with suppress(av.FFmpegError):
                    found.update((place, _frame(frame)) for frame in packet.decode()[:1])
            if len(found) == len(wanted) or time.monotonic() > enough:
                break
    return found


def _frame(frame: Any) -> dict[str, Any]:
    facts = {name: value for name, value in _colour(frame).items() if value is not None}
    if frame.rotation:
        # A display matrix turns against the clock; people and other tools count with it.
        facts["rotation"] = -int(frame.rotation) % 360
    if frame.interlaced_frame:
        facts["interlaced"] = True
    hdr: dict[str, Any] = {}
    for data in frame.side_data:
        kind = data.type.name
        if kind == "MASTERING_DISPLAY_METADATA":
            hdr |= _mastering(bytes(data))
        elif kind == "CONTENT_LIGHT_LEVEL":
            most, average = struct.unpack("=2I", bytes(data)[:8])
            hdr |= {"maxContentLight": most, "maxAverageLight": average}
        elif kind == "DYNAMIC_HDR_PLUS":
            hdr["hdr10Plus"] = True
        elif kind in ("DOVI_METADATA", "DOVI_RPU_BUFFER"):
            hdr["dolbyVision"] = True
        elif kind == "A53_CC":
            facts["closedCaptions"] = True
    return {**facts, **({"hdr": hdr} if hdr else {})}


def _mastering(data: bytes) -> dict[str, Any]:
    """Return the display that a picture was graded on: its primaries as x, y of CIE 1931, its luminance in cd/m²."""
    *numbers, has_primaries, has_luminance = struct.unpack("=20i2i", data[:88])
    values = [
        round(top / bottom, 5) if bottom else 0.0 for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)
    ]
    facts: dict[str, Any] = {}
    if has_primaries:
        facts |= dict(zip(("red", "green", "blue", "white"), (values[at : at + 2] for at in (0, 2, 4, 6)), strict=True))
    if has_luminance:
        facts |= {"minLuminance": values[8], "maxLuminance": values[9]}
    return {"masteringDisplay": facts} if facts else {}


def _colour(of: Any) -> dict[str, Any]:
    return {
        "colorPrimaries": _PRIMARIES.get(int(of.color_primaries)),
        "colorTransfer": _TRANSFER.get(int(of.color_trc)),
        "colorMatrix": _MATRIX.get(int(of.colorspace)),
        "colorRange": _RANGE.get(int(of.color_range)),
    }


def _tags(given: Any) -> dict[str, str]:
    return {str(name)[:_TEXT]: str(value)[:_TEXT] for name, value in list(given.items())[:_TAGS]}


def _seconds(count: int | None, base: Fraction | None) -> float | None:
    return round(float(count * base), 6) if count is not None and base else None


if __name__ == "__main__":
    main()
