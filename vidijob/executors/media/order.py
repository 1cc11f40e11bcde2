"""The order of RAW_TRANSCODE: what is to be made, said in the job itself instead of by the name of a preset.

It is the JSON text of the data key ``transcodeJob``::

    {"container": "mp4",
     "video": {"codec": "libx264", "options": {"crf": "23", "preset": "fast"}, "width": 640, "frameRate": "25"},
     "audio": {"codec": "aac", "options": {"b": "128k", "ac": 2}, "streams": "all"}}

What may be in it is listed here, word for word and with the form of each value, and nothing else reaches ffmpeg: no filter, no
file, no address. Without ``video`` or ``audio`` that kind is left out. ``width`` and ``height`` scale the picture; with one
of them it keeps its shape. An order is a preset that has no name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from fractions import Fraction

from vidijob.errors import Invalid
from vidijob.executors.media.presets import Encoding, Preset
from vidijob.executors.storage import shown

KEY = "transcodeJob"
#: What the results of an order are named by, as those of a preset by its tag.
TAG = "raw"

_LONGEST = 20_000
_AMOUNT = r"[0-9]{1,9}(\.[0-9]{1,3})?[kM]?"
_WORD = r"[A-Za-z0-9_.]{1,20}"
_FLAGS = r"\+?(faststart|frag_keyframe|empty_moov|default_base_moof|write_colr)(\+(faststart|frag_keyframe|empty_moov|default_base_moof|write_colr)){0,4}"
#: Our name → ffmpeg's, the ending, and the options with the form of their values.
_CONTAINERS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "mp4": ("mp4", "mp4", {"movflags": _FLAGS}),
    "mov": ("mov", "mov", {"movflags": _FLAGS}),
    "m4a": ("ipod", "m4a", {"movflags": _FLAGS}),
    "mkv": ("matroska", "mkv", {}),
    "webm": ("webm", "webm", {}),
    "mxf": ("mxf", "mxf", {}),
    "ts": ("mpegts", "ts", {}),
    "wav": ("wav", "wav", {"rf64": "auto|always|never"}),
    "flac": ("flac", "flac", {}),
    "mp3": ("mp3", "mp3", {}),
    "ogg": ("ogg", "ogg", {}),
}
_BITS = {"b": _AMOUNT, "maxrate": _AMOUNT, "bufsize": _AMOUNT}
_PICTURE = {"pix_fmt": _WORD, "g": _AMOUNT, "color_primaries": _WORD, "color_trc": _WORD, "colorspace": _WORD}
_X26 = {**_PICTURE, **_BITS, "preset": _WORD, "tune": _WORD, "profile": _WORD, "level": _WORD, "crf": _AMOUNT}
_NVENC = {**_PICTURE, **_BITS, "preset": _WORD, "tune": _WORD, "profile": _WORD, "rc": _WORD, "cq": _AMOUNT}
_VIDEO: Mapping[str, Mapping[str, str]] = {
    "libx264": {**_X26, "bf": _AMOUNT},
    "libx265": {**_X26, "tag": "hvc1|hev1"},
    "h264_nvenc": _NVENC,
    "hevc_nvenc": {**_NVENC, "tag": "hvc1|hev1"},
    "libvpx-vp9": {**_PICTURE, **_BITS, "crf": _AMOUNT, "deadline": _WORD, "cpu-used": _AMOUNT, "row-mt": "[01]"},
    "libsvtav1": {**_PICTURE, **_BITS, "crf": _AMOUNT, "preset": _AMOUNT},
    "prores_ks": {**_PICTURE, "profile": _WORD, "vendor": _WORD},
    "dnxhd": {**_PICTURE, **_BITS, "profile": _WORD},
    "mpeg2video": {**_PICTURE, **_BITS, "q": _AMOUNT, "bf": _AMOUNT, "intra_vlc": "[01]"},
    "mpeg4": {**_PICTURE, **_BITS, "q": _AMOUNT},
    "mjpeg": {**_PICTURE, "q": _AMOUNT},
    "ffv1": {**_PICTURE, "level": "[013]", "slices": _AMOUNT, "slicecrc": "[01]"},
}
_SOUND = {"b": _AMOUNT, "q": _AMOUNT, "ar": "[0-9]{4,6}", "ac": "[0-9]{1,2}"}
_AUDIO: Mapping[str, Mapping[str, str]] = {
    codec: _SOUND
    for codec in (
        *("aac", "libopus", "libvorbis", "libmp3lame", "ac3", "eac3", "flac", "alac", "mp2"),
        *("pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_s16be", "pcm_s24be"),
    )
}
_ORDER = {"container", "options", "video", "audio"}
_OF_VIDEO = {"codec", "options", "streams", "width", "height", "frameRate"}
_OF_AUDIO = {"codec", "options", "streams"}
_LARGEST = 16384
_RATE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?|[0-9]{1,6}/[0-9]{1,5}")


def read(text: str) -> Preset:
    """Return what an order wants as a preset; raise ``Invalid`` for what is none, or wants what may not be wanted."""
    try:
        return _preset(_document(text))
    except ValueError as error:
        raise Invalid(KEY, f"{KEY} is no order that can be carried out: {error}.") from None


def _document(text: str) -> object:
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} characters")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON ({shown(str(error))})") from None


def _preset(document: object) -> Preset:
    order = _table(document, "it", _ORDER)
    name = order.get("container")
    if not isinstance(name, str) or name not in _CONTAINERS:
        raise ValueError(f"container must be one of {', '.join(_CONTAINERS)}")
    format, extension, muxing = _CONTAINERS[name]
    video = _encoding("video", order["video"], _VIDEO, _OF_VIDEO) if order.get("video") is not None else None
    audio = _encoding("audio", order["audio"], _AUDIO, _OF_AUDIO) if order.get("audio") is not None else None
    if video is None and audio is None:
        raise ValueError("it has neither video nor audio")
    options = _options("container", order.get("options", {}), muxing)
    return Preset(TAG, "the order of the job itself", extension, format, options, video, audio)


def _encoding(kind: str, given: object, codecs: Mapping[str, Mapping[str, str]], keys: set[str]) -> Encoding:
    table = _table(given, kind, keys)
    codec = table.get("codec")
    if not isinstance(codec, str) or codec not in codecs:
        raise ValueError(f"codec of {kind} must be one of {', '.join(codecs)}")
    streams = table.get("streams", "first")
    if streams not in ("first", "all"):
        raise ValueError(f"streams of {kind} must be 'first' or 'all'")
    options = _options(kind, table.get("options", {}), codecs[codec])
    return Encoding(codec, options, _filter(table), "all" if streams == "all" else "first")


def _filter(table: Mapping[str, object]) -> str:
    """Return the filters that a picture passes through, written here from numbers alone."""
    width, height = (_size(key, table[key]) if key in table else None for key in ("width", "height"))
    filters = []
    if width or height:
        filters.append(f"scale=w={width or -2}:h={height or -2}")
    if "frameRate" in table:
        text = str(table["frameRate"])
        if not _RATE.fullmatch(text) or text.endswith("/0") or not 0 < Fraction(text) <= 300:
            raise ValueError("frameRate must be like 25, 29.97 or 30000/1001")
        filters.append(f"fps=fps={text}")
    return ",".join(filters)


def _size(key: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 2 <= value <= _LARGEST or value % 2:
        raise ValueError(f"{key} must be an even number from 2 to {_LARGEST}")
    return value


def _options(of: str, given: object, allowed: Mapping[str, str]) -> Mapping[str, str]:
    options = {}
    for name, value in _table(given, f"options of {of}", set(allowed)).items():
        text = str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
        if not re.fullmatch(allowed[name], text, re.ASCII):
            raise ValueError(f"{name} in the options of {of} cannot be {shown(str(value))}")
        options[name] = text
    return options


def _table(given: object, what: str, known: set[str]) -> dict[str, object]:
    if not isinstance(given, dict):
        raise ValueError(f"{what} must be an object")
    for key in given:
        if key not in known:
            allowed = ", ".join(sorted(known)) or "nothing"
            raise ValueError(f"{what} has the unknown key {shown(key)}; it may have {allowed}")
    return given
