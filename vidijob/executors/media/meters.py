"""What ANALYZE measures, which filters of ffmpeg do it, and what their words mean. No process is started here.

Sound: EBU R 128 (``ebur128``) and silence of every track. Picture, the first that is no cover: black, freeze, the part that
is not black at the edges (crop), and fields (interlace). Times are seconds from the start of the file; an interval ends where
the first frame begins that does not belong to it, or where the stream ends.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.media.frames import Block, marked, number
from vidijob.executors.media.probing import MediaInfo
from vidijob.executors.storage import shown
from vidijob.jobs.model import JobData

SOUND = ("loudness", "silence")
PICTURE = ("black", "freeze", "crop", "interlace")
#: More tracks than a programme has.
TRACKS = 32
#: A number of each kind that may be given: its key, what it is without one, the least and the most.
_LIMITS: Mapping[str, tuple[float, float, float]] = {
    "blackThreshold": (0.1, 0, 1),
    "blackPercentage": (98, 0, 100),
    "blackTime": (1, 0.01, 86400),
    "freezeThreshold": (0.001, 0, 1),
    "freezeTime": (1, 0.01, 86400),
    "silenceThreshold": (-60, -200, 0),
    "silenceTime": (1, 0.01, 86400),
}
_PICTURE = "picture"
#: What ebur128 says when there was nothing loud enough to be measured.
_NOTHING = -70.0


@dataclass(frozen=True, slots=True)
class Checks:
    """What is to be measured, and with which limits."""

    names: frozenset[str]
    limits: Mapping[str, float]


def checks(data: JobData) -> Checks:
    """Read from a job's data what is to be measured; without ``checks``, everything is."""
    known = (*SOUND, *PICTURE)
    names = [name.strip() for name in ",".join(jobdata.values(data, "checks")).split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise Invalid("checks", f"checks has {shown(name)}; give some of {', '.join(known)}, or nothing for all.")
    return Checks(frozenset(names or known), {key: _limit(data, key) for key in _LIMITS})


def _limit(data: JobData, key: str) -> float:
    default, least, most = _LIMITS[key]
    text = jobdata.optional(data, key)
    if text is None:
        return default
    try:
        value = float(text) if len(text) < 50 else math.nan
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise Invalid(key, f"{key} is {shown(text)}; give a number from {least:g} to {most:g}.", value=text[:50])
    return value


def graph(wanted: Checks, info: MediaInfo) -> str | None:
    """Return the filters for a file, with an output ``[out]`` for each stream; nothing where nothing applies to it."""
    limits, chains = wanted.limits, []
    if info.has_video and not wanted.names.isdisjoint(PICTURE):
        filters = {
            "interlace": "idet",
            "crop": "cropdetect=round=2:reset=0:skip=0",
            # The shortest of its own, since the least time is looked at here.
            "black": f"blackdetect=d=0:pix_th={limits['blackThreshold']}:pic_th={limits['blackPercentage'] / 100}",
            "freeze": f"freezedetect=n={limits['freezeThreshold']}:d={limits['freezeTime']}",
        }
        chains.append(f"[0:V:0]{marked(_PICTURE, [filters[name] for name in filters if name in wanted.names])}[v]")
    if not wanted.names.isdisjoint(SOUND):
        filters = {
            # The sample peak for what is too low for ebur128's three digits, and for the end, which it leaves out.
            "loudness": "ebur128=peak=true:metadata=1:framelog=quiet,"
            "astats=metadata=1:measure_perchannel=none:measure_overall=Peak_level",
            "silence": f"silencedetect=n={limits['silenceThreshold']}dB:d={limits['silenceTime']}",
        }
        filters = {name: text for name, text in filters.items() if name in wanted.names}
        for track in range(min(TRACKS, len(info.of_kind("audio")))):
            chains.append(f"[0:a:{track}]{marked(str(track), list(filters.values()), sound=True)}[a{track}]")
    return ";".join(chains) or None


def outputs(wanted: Checks, info: MediaInfo) -> list[str]:
    """Return the arguments that take what ``graph`` gives, and throw it away."""
    labels = ["v"] if info.has_video and not wanted.names.isdisjoint(PICTURE) else []
    if not wanted.names.isdisjoint(SOUND):
        labels += [f"a{track}" for track in range(min(TRACKS, len(info.of_kind("audio"))))]
    return [part for label in labels for part in ("-map", f"[{label}]", "-f", "null", "-")]


@dataclass(slots=True)
class _Spans:
    """The intervals in which something is so."""

    found: list[tuple[float, float]] = field(default_factory=list)
    begun: float | None = None

    def take(self, values: Mapping[str, str], start: str, end: str) -> None:
        if (ended := number(values, end)) is not None and self.begun is not None:
            self.found.append((self.begun, ended))
            self.begun = None
        if (begun := number(values, start)) is not None:
            self.begun = begun

    def close(self, end: float, least: float) -> list[tuple[float, float]]:
        spans = [*self.found, (self.begun, end)] if self.begun is not None else self.found
        # Frames are counted in steps that no decimal number has.
        return [(start, end) for start, end in spans if end - start >= least - 1e-6]


@dataclass(slots=True)
class _Track:
    """What was said of one track."""

    first: float = 0.0
    last: float = 0.0
    step: float = 0.0
    values: dict[str, str] = field(default_factory=dict)
    spans: dict[str, _Spans] = field(default_factory=dict)
    loudest: dict[str, float] = field(default_factory=dict)

    @property
    def end(self) -> float:
        return self.last + self.step


class Meter:
    """Hears what the filters say, and makes a report of it."""

    def __init__(self, wanted: Checks, info: MediaInfo) -> None:
        self._wanted = wanted
        self._info = info
        self._tracks: dict[str, _Track] = {}

    def hear(self, block: Block) -> float:
        """Take what was said of a frame; return how far all tracks are, in seconds."""
        track = self._tracks.setdefault(block.track, _Track(block.time, block.time))
        if block.time > track.last:
            track.step = block.time - track.last
            track.last = block.time
        track.values.update(block.values)
        for name, start, end in (
            ("black", "lavfi.black_start", "lavfi.black_end"),
            ("freeze", "lavfi.freezedetect.freeze_start", "lavfi.freezedetect.freeze_end"),
            ("silence", "lavfi.silence_start", "lavfi.silence_end"),
        ):
            if start in block.values or end in block.values:
                track.spans.setdefault(name, _Spans()).take(block.values, start, end)
        for name in ("lavfi.r128.M", "lavfi.r128.S"):
            if (value := number(block.values, name)) is not None:
                track.loudest[name] = max(value, track.loudest.get(name, value))
        return min(one.end for one in self._tracks.values())

    @property
    def heard(self) -> bool:
        """Tell whether anything was said at all."""
        return bool(self._tracks)

    def report(self) -> dict[str, Any]:
        """Return what was measured."""
        report: dict[str, Any] = {}
        names = self._wanted.names
        picture = self._tracks.get(_PICTURE)
        sounds = sorted((int(name), track) for name, track in self._tracks.items() if name != _PICTURE)
        if "loudness" in names and sounds:
            report["loudness"] = [{"track": place, **_loudness(track)} for place, track in sounds]
        if "silence" in names and sounds:
            silences = [self._spans(track, "silence", self._end("audio", place, track)) for place, track in sounds]
            report["silence"] = _as_report(_everywhere(silences))
            if len(sounds) > 1:
                report["silenceOfTracks"] = [
                    {"track": place, "silence": _as_report(spans)}
                    for (place, _), spans in zip(sounds, silences, strict=True)
                ]
        if picture is not None:
            for name in ("black", "freeze"):
                if name in names:
                    report[name] = _as_report(self._spans(picture, name, picture.end))
            if "crop" in names and (crop := _crop(picture.values)) is not None:
                report["crop"] = crop
            if "interlace" in names:
                report["interlace"] = _interlace(picture.values)
        return report

    def _spans(self, track: _Track, name: str, end: float) -> list[tuple[float, float]]:
        return track.spans.get(name, _Spans()).close(end, self._wanted.limits[f"{name}Time"])

    def _end(self, kind: str, place: int, track: _Track) -> float:
        # The last block of sound may be a short one.
        seconds = self._info.of_kind(kind)[place].facts.get("duration")
        return min(track.end, track.first + seconds) if seconds else track.end


def _loudness(track: _Track) -> dict[str, float | None]:
    integrated = number(track.values, "lavfi.r128.I")
    if integrated is None or integrated <= _NOTHING:
        integrated = None
    true_peak = number(track.values, "lavfi.r128.true_peak")
    peaks = [20 * math.log10(true_peak)] if true_peak else []
    sample_peak = number(track.values, "lavfi.astats.Overall.Peak_level")
    if sample_peak is not None and math.isfinite(sample_peak):
        peaks.append(sample_peak)
    return {
        "integrated": _rounded(integrated),
        "range": _rounded(number(track.values, "lavfi.r128.LRA") if integrated is not None else None),
        "truePeak": _rounded(max(peaks, default=None)),
        "momentaryMaximum": _rounded(_audible(track.loudest.get("lavfi.r128.M"))),
        "shortTermMaximum": _rounded(_audible(track.loudest.get("lavfi.r128.S"))),
    }


def _audible(value: float | None) -> float | None:
    return value if value is not None and value > -120 else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def _everywhere(several: list[list[tuple[float, float]]]) -> list[tuple[float, float]]:
    """Return the intervals that all have in common."""
    common, *others = several
    for spans in others:
        mine, theirs, common = iter(common), iter(spans), []
        one, other = next(mine, None), next(theirs, None)
        while one is not None and other is not None:
            start, end = max(one[0], other[0]), min(one[1], other[1])
            if start < end:
                common.append((start, end))
            if one[1] < other[1]:
                one = next(mine, None)
            else:
                other = next(theirs, None)
    return common


def _as_report(spans: list[tuple[float, float]]) -> list[dict[str, float]]:
    return [{"start": round(start, 3), "end": round(end, 3)} for start, end in spans]


def _crop(values: Mapping[str, str]) -> dict[str, int] | None:
    """Return the part of the picture that was not black at some time; nothing where all of it was, always."""
    found = {name: number(values, f"lavfi.cropdetect.{letter}") for name, letter in _EDGES.items()}
    edges = {name: int(value) for name, value in found.items() if value is not None}
    return edges if len(edges) == 4 and edges["width"] > 0 and edges["height"] > 0 else None


_EDGES = {"width": "w", "height": "h", "x": "x", "y": "y"}


def _interlace(values: Mapping[str, str]) -> dict[str, Any]:
    """Return how many frames look like what, and what most of those look like that look like anything."""
    words = ("tff", "bff", "progressive", "undetermined")
    frames = {word: int(number(values, f"lavfi.idet.multiple.{word}") or 0) for word in words}
    if frames["tff"] + frames["bff"] > frames["progressive"]:
        kind = "tff" if frames["tff"] >= frames["bff"] else "bff"
    else:
        kind = "progressive" if frames["progressive"] else "undetermined"
    return {"type": kind, "frames": frames}
