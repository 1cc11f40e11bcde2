"""The executor ``thumbnail``: makes pictures of a film. Its methods are the steps of THUMBNAIL.

Data in: ``sourceUri`` (one); ``createPosters`` (times), ``createThumbnails``, ``createContactSheet``, ``createSprite``, and their
sizes and times (see ``pictures.py``); ``destinationUri``, a folder that ends in ``/``, or a value for each file.
Data out: ``fileUri`` and ``fileSize``, one of each per file: posters, thumbnails, contact sheet, sprite, its WebVTT track;
``duration`` and ``mediaInfo`` of the source.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import groupby
from pathlib import Path
from typing import assert_never

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, Retry, StepContext, SubTask
from vidijob.executors.making import Making, all_or_none, destinations, receipts, remove
from vidijob.executors.media import ffmpeg, frames, sheets
from vidijob.executors.media.pictures import Box, Grid, Picture, Wanted, wanted
from vidijob.executors.media.probing import MediaInfo, probe, size_of_picture
from vidijob.executors.outcomes import out_of_storage
from vidijob.executors.partials import Partial
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread

#: A source that lasts less than this part of what it promises is taken for broken.
_SHORTEST = 0.9
#: A sheet is all done only when its file is whole.
_NEARLY = 0.99
_NOTES = 20
_DURATION = re.compile(r"[0-9]{1,12}\.[0-9]{6}")


class ThumbnailExecutor(Making):
    """Makes posters, thumbnails, contact sheets and sprites; several kinds are several sub-tasks."""

    def __init__(self, storage: Storage, threads: int | None = None) -> None:
        """``threads`` is for one ffmpeg; without it, as many as there are processors, at most eight."""
        super().__init__(
            "thumbnail",
            storage,
            short={"setUp": self._set_up},
            long={"checkSource": self._check_source, "create": self._create},
        )
        self._threads = threads or ffmpeg.default_threads()

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the pictures are to be; of the thumbnails only the first until the source's duration is known."""
        return self._places(step, _seconds(step))

    async def _set_up(self, step: StepContext) -> Done:
        def look(stop: Stop) -> None:
            ffmpeg.find()
            self._source(step)
            if self._wanted(step).thumbnails and not _is_folder(step):
                raise Invalid(
                    "destinationUri",
                    "How many thumbnails there will be, nobody knows yet; give a folder that ends in /.",
                )
            self._make_room(self._places(step, None), step)

        await in_thread(look)
        return Done()

    async def _check_source(self, step: StepContext) -> Done:
        info = await probe(await in_thread(lambda stop: self._source(step)))
        if not info.has_video:
            raise Invalid("sourceUri", "The source has no picture that a thumbnail could show.")
        if info.duration is None:
            raise Invalid("sourceUri", "The source does not tell how long it lasts, so there is nowhere to look.")
        # As the later steps read it.
        duration = f"{info.duration:.6f}"
        seconds = Fraction(duration)
        asked = self._wanted(step)
        asked.require_small(info, seconds)
        for picture in asked.pictures(seconds):
            if picture.kind == "poster":
                asked.moment(picture, info, seconds)

        await in_thread(lambda stop: self._make_room(self._places(step, seconds), step))
        return Done({"duration": [duration], "mediaInfo": [info.text()]})

    async def _create(self, step: StepContext) -> Outcome:
        info, seconds, asked = MediaInfo.parse(step.data["mediaInfo"][0]), _seconds(step), self._wanted(step)
        assert seconds is not None
        source, program = await in_thread(lambda stop: (self._source(step), ffmpeg.find()))
        partials = await in_thread(lambda stop: self.begin(step))
        with all_or_none(partials):
            await in_thread(lambda stop: _create(partials))
            threads = ffmpeg.processors(step.metadata) or self._threads
            command = sheets.Command(program, threads, source, asked.format)
            work = _Work(step, self._storage, source, command, asked, info, seconds)
            outcome = await work.carry_out(list(zip(asked.pictures(seconds), partials, strict=True)))
            if not isinstance(outcome, Done):
                await in_thread(lambda stop: remove(partials))
                await in_thread(lambda stop: self._source(step))
                return outcome
            return Done(await in_thread(lambda stop: receipts(partials)))

    def _make_room(self, places: Sequence[Path], step: StepContext) -> None:
        overwrite = jobdata.flag(step.data, "overwrite")
        for place in places:
            self._storage.require_vacant(place, overwrite=overwrite)
            self._storage.prepare(place.parent)

    def _places(self, step: StepContext, seconds: Fraction | None) -> list[Path]:
        names = [picture.name for picture in self._wanted(step).pictures(seconds)]
        return destinations(step, self._storage, names, "pictures to make")

    def _source(self, step: StepContext) -> Path:
        return self._storage.source(_source_uri(step))

    def _wanted(self, step: StepContext) -> Wanted:
        return wanted(step.data, Path(self._storage.name(_source_uri(step))).stem)


class _Work:
    """Making the pictures of one attempt."""

    def __init__(
        self,
        step: StepContext,
        storage: Storage,
        source: Path,
        command: sheets.Command,
        asked: Wanted,
        info: MediaInfo,
        seconds: Fraction,
    ) -> None:
        self._step = step
        self._storage = storage
        self._source = source
        self._command = command
        self._asked = asked
        self._info = info
        self._seconds = seconds
        self._sprite: Partial | None = None

    async def carry_out(self, files: Sequence[tuple[Picture, Partial]]) -> Outcome:
        """Make all files, kind by kind."""
        kinds = [(kind, list(group)) for kind, group in groupby(files, key=lambda file: file[0].kind)]
        parts = self._step.split([kind for kind, _ in kinds]) if len(kinds) > 1 else ()
        before = 0
        self._step.progress(0, 100, "percent")
        for place, (_, group) in enumerate(kinds):
            part = parts[place] if parts else None
            if part is not None:
                part.start()
            for count, (picture, partial) in enumerate(group):

                def tell(
                    share: float,
                    part: SubTask | None = part,
                    mine: tuple[int, int] = (count, len(group)),
                    all: tuple[int, int] = (before + count, len(files)),
                ) -> None:
                    self._step.progress(round((all[0] + share) / all[1] * 100, 3), 100, "percent")
                    if part is not None:
                        part.progress(round((mine[0] + share) / mine[1] * 100, 3), 100, "percent")

                outcome = await self._make(picture, partial, tell)
                if not isinstance(outcome, Done):
                    if part is not None:
                        part.fail(outcome.reason)
                    return outcome
                tell(1)
            before += len(group)
            if part is not None:
                part.finish()
        return Done()

    async def _make(self, picture: Picture, partial: Partial, tell: Callable[[float], None]) -> Outcome:
        asked = self._asked
        match picture.kind:
            case "poster" | "thumbnail":
                moment = asked.moment(picture, self._info, self._seconds)
                box = asked.poster_box if picture.kind == "poster" else asked.box
                return await self._run(self._command.still(self._info, moment, box, partial.path), partial)
            case "contact sheet":
                return await self._sheet(asked.overview(self._seconds), asked.box, partial, tell)
            case "sprite":
                self._sprite = partial
                return await self._sheet(asked.spread(self._seconds), asked.sprite_box, partial, tell)
            case "sprite track":
                return await self._track(partial)
            case _:
                assert_never(picture.kind)

    async def _sheet(self, grid: Grid, box: Box, partial: Partial, tell: Callable[[float], None]) -> Outcome:
        reached = 0.0
        last = float(grid.offset + (grid.count - 1) * grid.period)

        def hear(block: frames.Block) -> None:
            nonlocal reached
            if block.time > reached:
                reached = block.time
                tell(min(reached / last, 1) * _NEARLY if last else 0)

        outcome = await self._run(self._command.sheet(grid, box, partial.path), partial, hear)
        promised = min(last, self._info.of_kind("video")[0].facts.get("duration") or last)
        if isinstance(outcome, Done) and reached < _SHORTEST * promised:
            return Fail(
                f"The picture of {shown(self._source)} ends after {reached:.3f} s and the file promises "
                f"{promised:.3f} s; it is probably damaged."
            )
        return outcome

    async def _track(self, partial: Partial) -> Outcome:
        sprite = self._sprite
        assert sprite is not None
        grid = self._asked.spread(self._seconds)
        size = await size_of_picture(sprite.path, "destinationUri", "The sprite")

        def write(stop: Stop) -> None:
            text = sheets.track(grid, self._seconds, size, sprite.destination, partial.destination)
            # It is there already, and empty, like the pictures that ffmpeg writes.
            partial.remove()
            with os.fdopen(partial.create(), "w", encoding="utf-8") as file:
                file.write(text)

        await in_thread(write)
        return Done()

    async def _run(
        self, arguments: Sequence[str], partial: Partial, hear: Callable[[frames.Block], None] = lambda block: None
    ) -> Outcome:
        failure, complaints = await frames.run(arguments, hear)
        made = await in_thread(lambda stop: os.stat(partial.path).st_size)
        if failure is None and made:
            return Done()
        for line in complaints.splitlines()[-_NOTES:]:
            self._step.note(line)
        about = f"({shown(self._source)}, for {shown(partial.destination.name)})"
        if failure is None:
            return Fail(f"No picture can be decoded there {about}; the file is probably damaged.")
        sentence = f"{failure.reason} {about}."
        if failure.full:
            return out_of_storage(self._storage, partial.destination, sentence)
        return Retry(sentence) if failure.passing else Fail(sentence)


def _source_uri(step: StepContext) -> str:
    return jobdata.single(step.data, "sourceUri", "the file to make pictures of")


def _create(partials: Sequence[Partial]) -> None:
    for partial in partials:
        partial.create_empty()


def _is_folder(step: StepContext) -> bool:
    return all(uri.endswith("/") for uri in jobdata.values(step.data, "destinationUri"))


def _seconds(step: StepContext) -> Fraction | None:
    """Return how long the source lasts, once the media check has found out."""
    text = jobdata.values(step.data, "duration")
    return Fraction(text[0]) if text and _DURATION.fullmatch(text[0]) else None
