"""Presets: what a ``tag`` makes of a source, as data. The shipped ones are in ``presets.toml``, which explains the form.

An administrator's folder may hold more ``*.toml`` files of the same form; a tag in them replaces a shipped one. Everything
is checked when it is loaded, so that a slip shows at the start and not in a job. ffmpeg is not run here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from vidijob.errors import Invalid, SetupError
from vidijob.executors.storage import shown

#: What is made when a job names no tag and its destination's ending tells none.
DEFAULT = "mp4"

_SHIPPED = Path(__file__).with_name("presets.toml")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}")
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")
#: ffmpeg's own words, which would change what the rest of the command means.
_NOT_OPTIONS = re.compile(
    r"an|attach|c|codec|copy|dn|dump_attachment|f|filter|filter_complex|filter_complex_script|filter_script|i|lavfi|map|n"
    r"|nostats|nostdin|passlogfile|progress|re|report|reinit_filter|sdp_file|shortest|sn|stats|stream_loop|t|to|vf|af|vn"
    r"|vstats|vstats_file|y"
)
_PRESET_KEYS = {"description", "extension", "format", "muxing", "video", "audio"}
_ENCODING_KEYS = {"codec", "options", "for", "filter", "streams"}
_MOST_CODECS = 10


@dataclass(frozen=True, slots=True)
class Encoding:
    """How the streams of one kind are encoded."""

    #: ffmpeg's name of the encoder.
    codec: str
    options: Mapping[str, str] = field(default_factory=dict)
    #: A chain of filters; none when empty.
    filter: str = ""
    #: Which streams of the source are taken.
    streams: Literal["first", "all"] = "first"
    #: What is taken where the encoder cannot be used, the best first.
    others: tuple[Encoding, ...] = ()


@dataclass(frozen=True, slots=True)
class Preset:
    """What one tag makes."""

    tag: str
    description: str
    #: Of the file, without the dot.
    extension: str
    #: ffmpeg's name of the container.
    format: str
    muxing: Mapping[str, str]
    video: Encoding | None
    audio: Encoding | None


class Presets:
    """The presets of this server by tag."""

    def __init__(self, presets: Mapping[str, Preset]) -> None:
        self._presets = dict(presets)

    @classmethod
    def load(cls, folder: Path | None = None) -> Presets:
        """Read the shipped presets and those of a folder; raise ``SetupError`` at the first that is not right."""
        presets = dict(_read(_SHIPPED))
        own: dict[str, Path] = {}
        if folder is not None and not folder.is_dir():
            raise SetupError(f"The folder of presets {shown(folder)} is not there; make it or correct the setting.")
        for file in sorted(folder.glob("*.toml")) if folder is not None else ():
            for tag, preset in _read(file):
                if tag in own:
                    raise SetupError(f"The preset {tag} stands in {shown(own[tag])} and in {shown(file)}; keep one.")
                presets[tag], own[tag] = preset, file
        return cls(presets)

    @property
    def tags(self) -> tuple[str, ...]:
        """Return all tags in alphabetical order."""
        return tuple(sorted(self._presets))

    def __iter__(self) -> Iterator[Preset]:
        return (self._presets[tag] for tag in self.tags)

    def __contains__(self, tag: object) -> bool:
        return tag in self._presets

    def get(self, tag: str) -> Preset:
        """Return the preset of a tag, or raise ``Invalid`` naming those that there are."""
        try:
            return self._presets[tag]
        except KeyError:
            known = ", ".join(self.tags)
            raise Invalid("tag", f"There is no preset {shown(tag)}; give one of: {known}.", value=tag) from None


def _read(file: Path) -> Iterator[tuple[str, Preset]]:
    try:
        tables = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SetupError(f"The presets in {shown(file)} cannot be read: {error}.") from error
    for tag, table in tables.items():
        try:
            yield tag, _preset(tag, table)
        except ValueError as error:
            raise SetupError(f"The preset {shown(tag)} in {shown(file)} is not right: {error}.") from None


def _preset(tag: str, table: object) -> Preset:
    if not _TAG.fullmatch(tag):
        raise ValueError("its name may have letters, digits, '_', '-' and '.' only, 64 at most")
    fields = _fields(table, _PRESET_KEYS, "the preset")
    video, audio = (_encoding(fields[kind], kind) if kind in fields else None for kind in ("video", "audio"))
    if video is None and audio is None:
        raise ValueError("it has neither video nor audio")
    return Preset(
        tag=tag,
        description=_text(fields, "description"),
        extension=_text(fields, "extension", _EXTENSION),
        format=_text(fields, "format", _WORD),
        muxing=_options(fields.get("muxing", {}), "muxing"),
        video=video,
        audio=audio,
    )


def _encoding(table: object, kind: str) -> Encoding:
    fields = _fields(table, _ENCODING_KEYS, kind)
    streams = fields.get("streams", "first")
    if streams not in ("first", "all"):
        raise ValueError(f"streams of {kind} must be 'first' or 'all'")
    codecs = fields.get("codec")
    codecs = codecs if isinstance(codecs, list) else [codecs]
    if not 0 < len(codecs) <= _MOST_CODECS or len(set(map(str, codecs))) < len(codecs):
        raise ValueError(f"codec of {kind} must be one encoder, or a list of different ones, the best first")
    shared = _options(fields.get("options", {}), f"options of {kind}")
    own = _fields(fields.get("for", {}), set(map(str, codecs)), f"for of {kind}")
    first, *others = (
        Encoding(
            codec=_text({"codec": codec}, "codec", _WORD),
            options=MappingProxyType({**shared, **_options(own.get(str(codec), {}), f"options of {kind} for {codec}")}),
            filter=_text(fields, "filter") if "filter" in fields else "",
            streams="all" if streams == "all" else "first",
        )
        for codec in codecs
    )
    return replace(first, others=tuple(others))


def _fields(table: object, known: set[str], what: str) -> dict[str, object]:
    if not isinstance(table, dict):
        raise ValueError(f"{what} must be a table")
    for key in table:
        if key not in known:
            raise ValueError(f"{what} has the unknown key {shown(key)}; known are {', '.join(sorted(known))}")
    return table


def _text(fields: Mapping[str, object], key: str, form: re.Pattern[str] | None = None) -> str:
    value = fields.get(key)
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{key} must be a text")
    if form is not None and not form.fullmatch(value):
        raise ValueError(f"{key} is {shown(value)}, which must match {form.pattern}")
    return value


def _options(table: object, what: str) -> Mapping[str, str]:
    if not isinstance(table, dict):
        raise ValueError(f"{what} must be a table")
    for name, value in table.items():
        if not _WORD.fullmatch(name) or _NOT_OPTIONS.fullmatch(name):
            raise ValueError(f"{what} may not set {shown(name)}")
        if not isinstance(value, str) or "\0" in value:
            raise ValueError(f"{what} must give {name} as a text in quotes")
        if "{" in value.replace("{threads}", ""):
            raise ValueError(f"{what} has an unknown placeholder in {name}; only {{threads}} is known")
    return MappingProxyType(dict(table))
