"""What all imports have in common: files that come in are waited for, transferred, looked at and compared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata, transferring
from vidijob.executors.base import Done, Outcome, StepContext
from vidijob.executors.copying import ALGORITHM, SourceChanged
from vidijob.executors.ingest import growing, retiring, sidecars
from vidijob.executors.ingest.places import SIDECARS, Original, Taken, essence, found_sidecars, taken
from vidijob.executors.making import Making, all_or_none, receipts
from vidijob.executors.media.checking import seconds
from vidijob.executors.media.probing import MediaInfo, probe
from vidijob.executors.news import News
from vidijob.executors.outcomes import PROBLEMS
from vidijob.executors.partials import Partial
from vidijob.executors.remote.transit import RoutedStep
from vidijob.executors.room import require_room
from vidijob.executors.stepwise import Work
from vidijob.executors.storage import Absent, Storage, shown, uri_of
from vidijob.executors.threads import Stop, in_thread
from vidijob.executors.uploads import adopt
from vidijob.jobs.uploads import UPLOAD, UPLOAD_CHECKSUM

SIDECAR_CHECKSUMS = "vidijob_sidecar_checksum"
_MEDIA_CHECKS = ("required", "optional")


class Taking(Making):
    """An executor whose first steps bring files into the storage."""

    problems = PROBLEMS | {growing.SOURCE_GROWING}

    def __init__(self, name: str, storage: Storage, *, short: Mapping[str, Work], long: Mapping[str, Work]) -> None:
        first: Mapping[str, Work] = {"closeTransfer": self._close_transfer, "closeUpload": self._close_upload}
        others: Mapping[str, Work] = {
            "settle": self._settle,
            "transfer": self._transfer,
            "mediaCheck": self._media_check,
            "analyze": self._analyze,
        }
        super().__init__(name, storage, short={**first, **short}, long={**others, **long})

    def written(self, step: StepContext) -> Path:
        """Return a file that the step writes."""
        return self.taken(step).essence[0]

    async def is_gone(self, type: str, data: Mapping[str, str]) -> bool:
        """Tell whether there is room again, what was missing is there, or a source has come to rest."""
        if type == growing.SOURCE_GROWING:
            return await growing.is_quiet(self._storage, data)
        return await super().is_gone(type, data)

    def taken(self, step: StepContext, more: Mapping[str, Sequence[str]] | None = None) -> Taken:
        """Return where the files go that are taken as they are; ``more`` is job data that is not kept yet. It blocks."""
        return taken(step, self._storage, more or {})

    def originals(self, step: StepContext) -> list[Original]:
        """Return the files that are taken: the essence, then its sidecars."""
        return [*essence(step.data, self._storage), *found_sidecars(step.data, self._storage)]

    def files(self, step: StepContext) -> list[tuple[Original, Path]]:
        """Return the essence's files as they were transferred, each with what it is called. It blocks."""
        made = self.made(step, self.taken(step).all)
        # Sidecars come after them.
        return [
            (original, partial.path)
            for original, (partial, _) in zip(essence(step.data, self._storage), made, strict=False)
        ]

    def look(self, step: StepContext) -> None:
        """Refuse what cannot be, and see that the sources are there. It blocks."""
        transferring.checksum_mode(step.data)
        _is_lenient(step)
        if isinstance(step, RoutedStep) and (
            jobdata.flag(step.data, retiring.DELETE) or jobdata.values(step.data, retiring.MOVE)
        ):
            raise Invalid(
                "sourceUri",
                "A source elsewhere is not taken away by an import; leave out "
                f"{retiring.DELETE} and {retiring.MOVE}, and move or delete it with MOVE_FILE or DELETE_FILE.",
            )
        for source in self._sources(step):
            os.close(self._storage.open_source(source))

    def make_folders(self, step: StepContext, destinations: Sequence[Path]) -> None:
        """See to it that destinations are free and have folders. It blocks."""
        overwrite = jobdata.flag(step.data, "overwrite")
        for destination in destinations:
            self._storage.require_vacant(destination, overwrite=overwrite)
            self._storage.prepare(destination.parent)

    async def _close_transfer(self, step: StepContext) -> Done:
        await in_thread(lambda stop: self.look(step))
        return Done()

    async def _close_upload(self, step: StepContext) -> Done:
        if not step.data.get(UPLOAD):
            raise Invalid("upload", "The file of a RAW_IMPORT comes with its request; send it to POST /import/raw.")
        try:
            return await self._close_transfer(step)
        except Absent as error:
            if "source" in error.missing:
                raise Invalid("upload", "The file that came with the request is gone; send it again.") from None
            raise

    async def _settle(self, step: StepContext) -> Outcome:
        uris = [original.uri for original in essence(step.data, self._storage)]

        def look() -> list[str]:
            found = [sidecars.beside(step.data, self._storage, self._storage.source(uri)) for uri in uris]
            known = {uri_of(self._storage.source(uri)) for uri in uris}
            return [uri for uri in dict.fromkeys(uri for one in found for uri in one) if uri not in known]

        beside = await in_thread(lambda stop: look())
        restless = await growing.growing(self._storage, [*uris, *beside], growing.stable_time(step.data))
        return Done({SIDECARS: beside or None}) if restless is None else growing.wait_for(restless)

    async def _transfer(self, step: StepContext) -> Outcome:
        news = News(step, [shown(original.name) for original in self.originals(step)])

        def transfer(stop: Stop) -> Outcome:
            places, sources = self.taken(step), self._sources(step)
            noted = {retiring.SOURCES: retiring.source_receipts(self._storage, sources)}
            partials = self.begin(step, places.all)
            with all_or_none(partials):
                checksums = self._take_over(step, sources, partials, news)
                if checksums is None:
                    sizes = [self._storage.size(source) for source in sources]
                    require_room(zip(places.all, sizes, strict=True))
                    checksums = transferring.transfer(self._storage, sources, partials, news, stop)
                made = receipts(partials)
            count = len(places.essence)
            return Done(
                {
                    **made,
                    **noted,
                    "checksum": checksums[:count],
                    "checksumAlgorithm": [ALGORITHM],
                    SIDECAR_CHECKSUMS: checksums[count:] or None,
                }
            )

        try:
            return await in_thread(transfer)
        except SourceChanged as error:
            return growing.wait_for(uri_of(error.source))

    def _take_over(
        self, step: StepContext, sources: Sequence[Path], partials: Sequence[Partial], news: News
    ) -> list[str] | None:
        """Take an upload over as it lies there; ``None``: it must be copied."""
        known = jobdata.optional(step.data, UPLOAD_CHECKSUM)
        if UPLOAD not in step.data or known is None or not adopt(sources[0], partials[0]):
            return None
        size = self._storage.size(sources[0])
        news.begin(size)
        news.file(0, size)
        news.end_of_file(size)
        return [known]

    async def _media_check(self, step: StepContext) -> Done:
        return Done(facts(await self.found(step)))

    async def found(self, step: StepContext) -> list[MediaInfo]:
        """Look at what has come in; raises ``Invalid`` for what is no media, unless the job says that it may be."""
        found: list[MediaInfo] = []
        for original, file in await in_thread(lambda stop: self.files(step)):
            try:
                found.append(await probe(file, "sourceUri", shown(original.name)))
            except Invalid as error:
                if not _is_lenient(step):
                    raise
                step.note(f"{error} It is kept as it is.")
        return found

    async def _analyze(self, step: StepContext) -> Done:
        again = transferring.checksum_mode(step.data) == transferring.VERIFY
        checksums = [*step.data.get("checksum", ()), *step.data.get(SIDECAR_CHECKSUMS, ())]
        await in_thread(lambda stop: transferring.verify(self.made(step, self.taken(step).all), checksums, again, stop))
        return Done()

    def _sources(self, step: StepContext) -> list[Path]:
        return [self._storage.source(original.uri) for original in self.originals(step)]


def facts(found: Sequence[MediaInfo]) -> dict[str, list[str] | None]:
    """Return what a job tells of its sources: ``mediaInfo`` of each and the longest ``duration``."""
    lasting = [info for info in found if info.duration is not None]
    longest = max(lasting, key=lambda info: info.duration or 0.0, default=None)
    return {
        "mediaInfo": [info.text() for info in found] or None,
        "duration": None if longest is None else seconds(longest),
    }


def _is_lenient(step: StepContext) -> bool:
    """Tell whether a file may be imported that is no media, or damaged."""
    text = jobdata.optional(step.data, "mediaCheck") or _MEDIA_CHECKS[0]
    if text not in _MEDIA_CHECKS:
        raise Invalid("mediaCheck", f"mediaCheck is {shown(text)}; give {' or '.join(_MEDIA_CHECKS)}, or nothing.")
    return text == "optional"
