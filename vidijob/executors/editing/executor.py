"""The executors ``conform`` and ``timeline``: files put together from parts of others. Their methods are the steps of CONFORM and
TIMELINE.

Data in: what is put together (``conform.py``, ``timeline.py``); ``destinationUri`` and ``tag`` (may repeat) or ``transcodeJob``;
``outputFrameRate`` (25, 29.97, 30000/1001) and ``outputResolution`` (1920x1080) of the result, else those of the first source, or of the
timeline.
Data out: ``duration`` (seconds) of what is put together, ``mediaInfo`` (JSON) of each source in the order in which they come;
``fileUri``, ``fileSize``, ``outputDuration`` and ``outputMediaInfo``, one of each per tag; ``transcodeProgress`` and its like.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.editing import conform, graph, timeline
from vidijob.executors.editing.lanes import Lanes
from vidijob.executors.editing.program import Placed, Program, read_rate
from vidijob.executors.making import Making
from vidijob.executors.media import ffmpeg, running
from vidijob.executors.media.checking import check, results
from vidijob.executors.media.encoders import Encoders
from vidijob.executors.media.outputs import Output, named_outputs
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.probing import MediaInfo, probe
from vidijob.executors.media.timecode import in_words, standard
from vidijob.executors.partials import Partial
from vidijob.executors.stepwise import Work
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread


class Editing(Making):
    """Puts parts of files together with ffmpeg; several tags are several sub-tasks of the transcode."""

    def __init__(self, name: str, storage: Storage, presets: Presets, threads: int | None = None, **more: Work) -> None:
        """``threads`` is for one ffmpeg whose step does not say how many processors it needs; ``more`` are further methods."""
        super().__init__(
            name,
            storage,
            short={"setUp": self._set_up},
            long={
                "checkSources": self._check_sources,
                "transcode": self._transcode,
                "checkResult": self._check_result,
                **more,
            },
        )
        self._presets = presets
        self._encoders = Encoders()
        self._threads = threads or ffmpeg.default_threads()

    @abstractmethod
    def look(self, step: StepContext) -> None:
        """Refuse data that cannot be carried out, as far as a first look shows it. It blocks."""

    @abstractmethod
    def lanes(self, step: StepContext) -> Lanes:
        """Return what is to be put together. It blocks."""

    @abstractmethod
    def name(self, step: StepContext) -> str:
        """Return the name of the file that the results are named by, where they go into a folder."""

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the outputs are to be, one for each tag."""
        return [output.destination for output in self._outputs(step)]

    async def _set_up(self, step: StepContext) -> Done:
        def look(stop: Stop) -> None:
            ffmpeg.find()
            self.look(step)
            self.make_room(step)

        await in_thread(look)
        return Done()

    async def _check_sources(self, step: StepContext) -> Done:
        wanted = await in_thread(lambda stop: self.lanes(step))
        infos = {path: await probe(path) for path in wanted.paths}
        program = await in_thread(lambda stop: self._program(step, wanted, infos))
        for placed in program.pictures:
            step.note(_in_words(placed))
        return Done(
            {
                "duration": [f"{float(program.seconds):.6f}".rstrip("0").rstrip(".")],
                "mediaInfo": [info.text() for info in infos.values()],
            }
        )

    async def _transcode(self, step: StepContext) -> Outcome:
        threads = ffmpeg.processors(step.metadata) or self._threads
        wanted, program = await in_thread(lambda stop: (self._outputs(step), self._checked(step)))
        chosen = [await self._encoders.choose(output.preset, step.note) for output in wanted]
        about = shown(self.name(step))

        def prepare(partials: Sequence[Partial]) -> list[running.Run]:
            return [
                running.Run(
                    output.preset.tag,
                    f"{about} with the preset {output.preset.tag}",
                    graph.command(ffmpeg.find(), program, partial.path, preset, threads),
                    float(program.seconds),
                    output.destination,
                )
                for output, preset, partial in zip(wanted, chosen, partials, strict=True)
            ]

        partials = await in_thread(lambda stop: self.begin(step))
        return await running.make(step, self._storage, partials, prepare, lambda: self.lanes(step))

    async def _check_result(self, step: StepContext) -> Outcome:
        wanted, made = await in_thread(lambda stop: (self._outputs(step), self.made(step)))
        files = [(output.preset.tag, partial.path) for output, (partial, _) in zip(wanted, made, strict=True)]
        found = await check(step, files, float(jobdata.single(step.data, "duration", "how long it lasts")))
        return found if isinstance(found, Fail) else Done(results(found))

    def _outputs(self, step: StepContext) -> list[Output]:
        return named_outputs(step, self._storage, self._presets, self.name(step))

    def _checked(self, step: StepContext) -> Program:
        """Return the program as the check of the sources has found it."""
        wanted = self.lanes(step)
        infos = map(MediaInfo.parse, jobdata.values(step.data, "mediaInfo"))
        return self._program(step, wanted, dict(zip(wanted.paths, infos, strict=True)))

    def _program(self, step: StepContext, wanted: Lanes, infos: dict[Path, MediaInfo]) -> Program:
        rate, size = (jobdata.optional(step.data, key) for key in ("outputFrameRate", "outputResolution"))
        program = wanted.program(infos, rate, size)
        for output in self._outputs(step):
            makes = (output.preset.video is not None, output.preset.audio is not None)
            if not (makes[0] and program.pictures) and not (makes[1] and program.sounds):
                has, only = ("picture", "sound") if program.pictures else ("sound", "picture")
                raise Invalid(
                    "tag",
                    f"There is only {has}, and the preset {output.preset.tag} makes only {only}; choose another tag.",
                )
        return program


class ConformExecutor(Editing):
    """Puts the ranges of a sequence together."""

    def __init__(self, storage: Storage, presets: Presets, threads: int | None = None) -> None:
        super().__init__("conform", storage, presets, threads)

    def look(self, step: StepContext) -> None:
        """Refuse data that cannot be carried out, as far as a first look shows it. It blocks."""
        self.lanes(step)

    def lanes(self, step: StepContext) -> Lanes:
        """Return what is to be put together. It blocks."""
        return conform.lanes(step.data, self._storage)

    def name(self, step: StepContext) -> str:
        """Return the name of the first source."""
        return conform.first_name(step.data, self._storage)


class TimelineExecutor(Editing):
    """Puts together what a timeline says."""

    fetched_keys = frozenset({*timeline.KEYS, "mediaUri"})

    def __init__(self, storage: Storage, presets: Presets, threads: int | None = None) -> None:
        super().__init__("timeline", storage, presets, threads, readTimeline=self._read)

    def look(self, step: StepContext) -> None:
        """Refuse data that cannot be carried out, as far as a first look shows it. It blocks."""
        timeline.content(step.data, self._storage)

    def lanes(self, step: StepContext) -> Lanes:
        """Return what is to be put together, once the timeline was read. It blocks."""
        return timeline.lanes(step.data, self._storage)

    def name(self, step: StepContext) -> str:
        """Return the name of the timeline."""
        return self._storage.name(timeline.uri_of(step.data), "timelineUri")

    async def _read(self, step: StepContext) -> Done:
        text = await in_thread(lambda stop: timeline.content(step.data, self._storage))
        facts, items = await timeline.read(text, shown(self.name(step)), await self._rate(step))
        effects = sorted({effect for item in items for effect in item.get("effects", ())})
        if effects:
            step.note(f"These effects of the timeline are left out: {', '.join(map(shown, effects[:20]))}.")
        step.note(f"{shown(facts['name'])}: {facts['items']} clips and gaps, read as {facts['format']}.")
        return Done({timeline.KEPT: [timeline.kept(items)]})

    async def _rate(self, step: StepContext) -> Fraction:
        """Return the rate of an EDL's time codes: that asked for, else that of the first media that the job names, else 25."""
        asked = jobdata.optional(step.data, "outputFrameRate")
        if asked is not None:
            return read_rate(asked)
        named = jobdata.values(step.data, "mediaUri")
        if named:
            name, sign, uri = named[0].partition("=")
            uri = uri if sign and "/" not in name else named[0]
            path = await in_thread(lambda stop: self._storage.source(uri, "mediaUri"))
            pictures = (await probe(path, "mediaUri")).of_kind("video")
            if pictures and (rate := pictures[0].facts.get("frameRate")):
                step.note(
                    f"The time codes of an EDL are taken for those of {shown(path.name)}: {in_words(standard(Fraction(rate)))} frames in a second."
                )
                return standard(Fraction(rate))
        return Fraction(25)


def _in_words(placed: Placed) -> str:
    path, part = placed.shot.path, placed.shot.cut
    what = f"{shown(path.name)}, {part.words}" if path is not None and part is not None else "nothing"
    return f"From frame {placed.begin} to {placed.end - 1}: {what}."
