"""Tells ffmpeg how a program is put together: an input for each shot, filters that bring each to the program's format and to
exactly the frames and samples of its place, and the encoding of a preset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vidijob.executors.editing.program import SAMPLE_RATE, Format, Placed, Program, Shot
from vidijob.executors.media import ffmpeg
from vidijob.executors.media.cut import Cut
from vidijob.executors.media.presets import Preset


def command(program: Path, wanted: Program, target: Path, preset: Preset, threads: int) -> list[str]:
    """Return the argument list by which ffmpeg, which lies at ``program``, makes a file, which may be overwritten."""
    graph = _Graph(wanted.format, threads)
    arguments: list[str] = []
    if preset.video is not None and wanted.pictures:
        graph.pictures(wanted.pictures, preset.video.filter)
        arguments += ["-map", "[picture]", *ffmpeg.encoding("v", preset.video, threads)]
    if preset.audio is not None and wanted.sounds:
        graph.sounds(wanted.sounds, preset.audio.filter)
        arguments += ["-map", "[sound]", *ffmpeg.encoding("a", preset.audio, threads)]
    return [
        *ffmpeg.start(program, threads),
        # The filters of a part go by the times that are in its file.
        *("-copyts", "-filter_complex_threads", str(threads)),
        *graph.inputs,
        *("-filter_complex", ";".join(graph.chains)),
        *arguments,
        *ffmpeg.writing(target, preset, threads),
    ]


@dataclass
class _Graph:
    """Inputs and chains of filters, as they are put together."""

    format: Format
    threads: int
    inputs: list[str] = field(default_factory=list)
    chains: list[str] = field(default_factory=list)
    _numbers: dict[int, int] = field(default_factory=dict)

    def pictures(self, lane: Sequence[Placed], filter: str) -> None:
        """Put shots after each other, as ``[picture]``."""
        for place, placed in enumerate(lane):
            self.chains.append(f"{self._picture(placed)}[v{place}]")
        rate = self.format.rate
        # Counted anew, since what is put after each other is placed by rounded times.
        every = f"settb=expr={rate.denominator}/{rate.numerator},setpts=N"
        filters = ",".join(part for part in (every, filter) if part)
        names = "".join(f"[v{place}]" for place in range(len(lane)))
        self.chains.append(f"{names}concat=n={len(lane)}:v=1:a=0,{filters}[picture]")

    def sounds(self, lanes: Sequence[Sequence[Placed]], filter: str) -> None:
        """Put shots after each other on each lane and mix the lanes, as ``[sound]``."""
        for number, lane in enumerate(lanes):
            for place, placed in enumerate(lane):
                self.chains.append(f"{self._sound(placed)}[a{number}_{place}]")
            names = "".join(f"[a{number}_{place}]" for place in range(len(lane)))
            self.chains.append(f"{names}concat=n={len(lane)}:v=0:a=1,asetpts=N/SR/TB[a{number}]")
        mixed = "".join(f"[a{number}]" for number in range(len(lanes)))
        mix = f"amix=inputs={len(lanes)}:normalize=0" if len(lanes) > 1 else "anull"
        self.chains.append(f"{mixed}{','.join(part for part in (mix, filter) if part)}[sound]")

    def _picture(self, placed: Placed) -> str:
        made = self.format
        exact = f"trim=end_frame={placed.frames}"
        info, part = placed.shot.info, placed.shot.cut
        if info is None or part is None or not info.has_video:
            size = f"size={made.width}x{made.height}:rate={made.rate}"
            return f"color=color=black:{size},format={made.pixels},setsar=1,{exact}"
        filters = [
            part.picture(),
            *_sized(info.of_kind("video")[0].facts, made),
            f"format={made.pixels}",
            f"fps=fps={made.rate}:start_time=0",
            # A shot whose last frame is missing in the file ends with the one before it.
            *("tpad=stop=-1:stop_mode=clone", exact),
        ]
        return f"[{self._input(placed.shot, part)}:V:0]{','.join(filters)}"

    def _sound(self, placed: Placed) -> str:
        form = f"aformat=sample_fmts=fltp:sample_rates={SAMPLE_RATE}:channel_layouts={self.format.layout}"
        exact = f"atrim=end_sample={placed.samples},asetpts=N/SR/TB"
        info, part = placed.shot.info, placed.shot.cut
        if info is None or part is None or not info.has_audio:
            return f"anullsrc=sample_rate={SAMPLE_RATE}:channel_layout={self.format.layout},{form},{exact}"
        return f"[{self._input(placed.shot, part)}:a:0]{part.sound(0)},{form},apad,{exact}"

    def _input(self, shot: Shot, part: Cut) -> int:
        """Return the number of a shot's input; picture and sound of one shot share it."""
        if id(shot) not in self._numbers:
            assert shot.path is not None
            self._numbers[id(shot)] = len(self._numbers)
            self.inputs += [*part.seek(), *ffmpeg.reading(shot.path, 1)]
        return self._numbers[id(shot)]


def _sized(facts: dict[str, object], made: Format) -> list[str]:
    """Return the filters that bring a picture to a size: as large as it fits, in its shape, with black around it."""
    if (facts["width"], facts["height"]) == (made.width, made.height) and facts.get("pixelAspectRatio") in (None, "1"):
        return ["setsar=1"]
    size = f"w={made.width}:h={made.height}"
    return [
        "scale=w=trunc(iw*sar/2)*2:h=ih,setsar=1" if facts.get("pixelAspectRatio") not in (None, "1") else "setsar=1",
        f"scale={size}:force_original_aspect_ratio=decrease:force_divisible_by=2",
        f"pad={size}:x=(ow-iw)/2:y=(oh-ih)/2,setsar=1",
    ]
