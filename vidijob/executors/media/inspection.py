"""Runs as a process of its own: opens one media file with PyAV and prints as JSON what is in it.

``python -I inspection.py FORMATS FILE``. It imports nothing of ours. A hostile file may crash, hang or bloat the libraries
that read it; here it takes nothing else with it. It prints a line for each stream and then one for the file, or, when it
cannot be read, only ``{"error": …}``.
"""

import json
import os
import resource
import sys
import time
from fractions import Fraction
from typing import Any

#: Bytes of address space and seconds of processor time.
_MEMORY = 4 * 1024**3
_SECONDS = 60
#: Seconds to look for the end of a file whose container does not tell how long it lasts.
_MEASURING = 20
#: How many streams are told of.
_STREAMS = 64


def main() -> None:
    """Print what is in the file that the command line names."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_SECONDS, _SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answers = inspect(sys.argv[1], sys.argv[2])
    except ImportError as error:
        answers = [{"missing": str(error)}]
    except Exception as error:
        answers = [{"error": getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"}]
    for answer in answers:
        sys.stdout.write(json.dumps(answer) + "\n")


def inspect(formats: str, path: str) -> list[dict[str, Any]]:
    """Return the facts of the streams and of the file, which must be in one of the formats that are allowed."""
    import av

    av.logging.set_level(None)
    options = {"protocol_whitelist": "file", "format_whitelist": formats}
    with av.open("file:" + path, options=options, metadata_errors="replace") as container:
        streams = [facts for stream in container.streams if (facts := _stream(stream)) is not None]
        duration = container.duration / av.time_base if container.duration and container.duration > 0 else None
        if duration is None:
            duration = max((facts["duration"] for facts in streams if facts["duration"]), default=None)
        if duration is None and streams:
            duration = _measure(container)
        return [
            *streams[:_STREAMS],
            {
                "container": container.format.name,
                "duration": duration,
                "size": os.path.getsize(path),
                "bitRate": container.bit_rate or None,
                "timeCode": _time_code(container),
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


if __name__ == "__main__":
    main()
