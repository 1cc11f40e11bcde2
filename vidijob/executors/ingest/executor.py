"""The executor ``ingest``: what is done with files that come in. Its methods are the steps of the imports.

PLACEHOLDER_IMPORT, AUTO_IMPORT and ESSENCE_VERSION take ``sourceUri``, RAW_IMPORT what came with its request, SHAPE_IMPORT
a ``sourceUri`` without making anything of it. Nothing is to be seen at a final name before the end. What is made of the
essence (``products.py``) may fail, and then the essence is kept without it. The pages of the job types say which data
goes in and comes out.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.ingest import growing, retiring, versions
from vidijob.executors.ingest.places import (
    ORIGINAL,
    SIDECARS,
    VERSION,
    Product,
    Taken,
    base,
    essence,
    own_folder,
    products,
)
from vidijob.executors.ingest.products import Components, check_products, require_possible, run_for
from vidijob.executors.ingest.taking import SIDECAR_CHECKSUMS, Taking, facts
from vidijob.executors.making import RECEIPT
from vidijob.executors.media import ffmpeg, running
from vidijob.executors.media.checking import results
from vidijob.executors.media.encoders import Encoders
from vidijob.executors.media.presets import Preset, Presets
from vidijob.executors.media.probing import probe
from vidijob.executors.outcomes import of_system_error
from vidijob.executors.partials import Partial, Receipt, sweep
from vidijob.executors.storage import Storage, shown, uri_of
from vidijob.executors.threads import Stop, in_thread
from vidijob.executors.uploads import take_away
from vidijob.jobs.uploads import UPLOAD, UPLOAD_CHECKSUM, UPLOAD_NAME

Made = list[tuple[Partial, Receipt]]
#: What is noted between the steps.
_PRODUCTS, _PARTS, _CHECKED = "vidijob_receipt_products", "vidijob_components", "vidijob_checked"
_NOTES = (
    RECEIPT, _PRODUCTS, _PARTS, _CHECKED, SIDECAR_CHECKSUMS, SIDECARS, retiring.SOURCES, UPLOAD, UPLOAD_NAME,
    UPLOAD_CHECKSUM,
)  # fmt: skip


class IngestExecutor(Taking):
    """Brings files into the storage, looks at them, and makes transcodes and posters of them."""

    # What is brought in stays here.
    delivered_keys = frozenset()

    def __init__(self, storage: Storage, presets: Presets, threads: int | None = None) -> None:
        """``threads`` is for one ffmpeg; without it, as many as there are processors, at most eight."""
        super().__init__(
            "ingest",
            storage,
            short={
                "setUp": self._set_up,
                "setUpShape": self._set_up_shape,
                "setUpVersion": self._set_up_version,
                "finish": self._publish,
                "replace": self._replace,
                "retire": self._retire,
                "cleanUp": self._take_away,
            },
            long={"prepare": self._prepare, "transcode": self._transcode, "checkResult": self._check_result},
        )
        self._presets = presets
        self._encoders = Encoders()
        self._threads = threads or ffmpeg.default_threads()

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where all files are to be, those first that are taken as they are."""
        places = self.taken(step)
        return [*places.all, *(product.destination for product in self._products(step, places))]

    async def _set_up(self, step: StepContext) -> Done:
        await in_thread(lambda stop: self._make_ready(step, {}))
        return Done()

    async def _set_up_shape(self, step: StepContext) -> Done:
        def make_ready(stop: Stop) -> None:
            self.look(step)
            places = self.taken(step)
            retiring.old_files(step.data, self._storage, places.all)
            self.make_folders(step, places.all)

        await in_thread(make_ready)
        return Done()

    async def _set_up_version(self, step: StepContext) -> Done:
        def make_ready(stop: Stop) -> Mapping[str, Sequence[str]]:
            folder = base(step.data, self._storage)
            number = versions.reserve(self._storage, folder, step.job, step.lease)
            more = {VERSION: [str(number)]}
            self._make_ready(step, more)
            return more

        return Done(await in_thread(make_ready))

    def _make_ready(self, step: StepContext, more: Mapping[str, Sequence[str]]) -> None:
        """Refuse what cannot be, and make folders for all that will be made."""
        growing.stable_time(step.data)
        self.look(step)
        retiring.require_possible(step.data, self._storage, [original.uri for original in self.originals(step)])
        places = self.taken(step, more)
        made = self._products(step, places)
        if made:
            ffmpeg.find()
        self.make_folders(step, [*places.all, *(product.destination for product in made)])

    async def _prepare(self, step: StepContext) -> Done:
        wanted = await in_thread(lambda stop: self._products(step, self.taken(step)))
        # It may run beside the media check, whose findings are not known here then. They are told here as well, because the
        # scripts that sites put after this step count on them.
        if not wanted:
            return Done({} if "mediaInfo" in step.data else facts(await self.found(step)))
        files = await in_thread(lambda stop: self.files(step))
        found = [await probe(file, "sourceUri", shown(original.name)) for original, file in files]
        require_possible(found, wanted)
        return Done({**facts(found), _PARTS: [Components.of(found).text()]})

    async def _transcode(self, step: StepContext) -> Outcome:
        noted = jobdata.optional(step.data, _PARTS)
        if noted is None:
            return Done()

        def begin() -> tuple[Sequence[Product], Sequence[Path], Sequence[Partial]]:
            wanted = self._products(step, self.taken(step))
            files = [file for _, file in self.files(step)]
            return wanted, files, self.begin(step, [product.destination for product in wanted])

        def prepare(partials: Sequence[Partial]) -> list[running.Run]:
            parts = Components.parse(noted)
            return [
                run_for(product, partial.path, files, parts, threads)
                for product, partial in zip(chosen, partials, strict=True)
            ]

        threads = ffmpeg.processors(step.metadata) or self._threads
        wanted, files, partials = await in_thread(lambda stop: begin())
        if not wanted:
            return Done()
        chosen = [await self._with_an_encoder(product, step) for product in wanted]
        return await running.make(
            step, self._storage, partials, prepare, lambda: [os.stat(file) for file in files], _PRODUCTS
        )

    async def _with_an_encoder(self, product: Product, step: StepContext) -> Product:
        """Return a product that is made by the best encoder of its preset that can be used here."""
        if not isinstance(product.made_by, Preset):
            return product
        return replace(product, made_by=await self._encoders.choose(product.made_by, step.note))

    async def _check_result(self, step: StepContext) -> Done | Fail:
        if _PRODUCTS not in step.data:
            return Done()
        wanted, files = await in_thread(lambda stop: self._made_products(step))
        if not wanted:
            return Done()
        parts = Components.parse(jobdata.single(step.data, _PARTS, "what was found in the essence"))
        found = await check_products(step, wanted, files, parts)
        if isinstance(found, Fail):
            return found
        made = {key: values or None for key, values in results(found).items()}
        return Done({_CHECKED: ["true"], **made})

    async def _publish(self, step: StepContext) -> Done:
        def find(stop: Stop) -> tuple[Taken, Made, Sequence[Product], Made]:
            places = self.taken(step)
            # What failed, or was found to be wrong, is left to the clean-up.
            checked = _CHECKED in step.data
            wanted = self._products(step, places) if checked else []
            made = self.made(step, [product.destination for product in wanted], _PRODUCTS) if wanted else []
            return places, self.made(step, places.all), wanted, made

        places, taken, wanted, made = await in_thread(find)
        await self.publish(step, [*taken, *made])
        count = len(places.essence)
        transcodes = [
            (product.name, one)
            for product, one in zip(wanted, made, strict=True)
            if isinstance(product.made_by, Preset)
        ]
        names = [original.name for original in essence(step.data, self._storage)]
        results = {
            "originalFilename": [shown(name) for name in names],
            "fileUri": [uri_of(destination) for destination in places.essence],
            "fileSize": [str(receipt.size) for _, receipt in taken[:count]],
            "sidecarFileUri": [uri_of(destination) for destination in places.sidecars],
            "shapeTag": [ORIGINAL, *(name for name, _ in transcodes)],
            "shapeUri": [uri_of(partial.destination) for _, (partial, _) in transcodes],
            "shapeSize": [str(receipt.size) for _, (_, receipt) in transcodes],
            "posterUri": [uri_of(partial.destination) for partial, _ in made[len(transcodes) :]],
        }
        return Done({key: values or None for key, values in results.items()})

    async def _replace(self, step: StepContext) -> Outcome:
        old = await in_thread(lambda stop: retiring.old_files(step.data, self._storage, self.taken(step).all))
        done = await self._publish(step)

        def remove(stop: Stop) -> None:
            for path in old:
                retiring.remove(self._storage, path)

        try:
            await in_thread(remove)
        except OSError as error:
            return Fail(f"The new file is in place; the old one stays. {of_system_error(error).reason}", done.data)
        return done

    async def _retire(self, step: StepContext) -> Done:
        uris = [original.uri for original in self.originals(step)]
        await in_thread(lambda stop: retiring.retire(step.data, self._storage, uris))
        return Done()

    async def _take_away(self, step: StepContext) -> Done:
        def take_all_away(stop: Stop) -> None:
            # Where the data is wrong, setting up has refused it, and nothing was made.
            with contextlib.suppress(Invalid):
                sweep(self._storage, self.taken(step).all, step.job)
                sweep(self._storage, self.destinations(step), step.job)
            with contextlib.suppress(Invalid):
                versions.release(self._storage, base(step.data, self._storage), step.job)
            # It is left where something was published.
            with contextlib.suppress(OSError):
                os.rmdir(own_folder(self._storage, step.job))
            for uri in step.data.get(UPLOAD, ()):
                take_away(self._storage, uri)

        await in_thread(take_all_away)
        return Done(dict.fromkeys(_NOTES))

    def _products(self, step: StepContext, places: Taken) -> list[Product]:
        return products(step.data, self._presets, places)

    def _made_products(self, step: StepContext) -> tuple[list[Product], list[Path]]:
        wanted = self._products(step, self.taken(step))
        if not wanted:
            return [], []
        made = self.made(step, [product.destination for product in wanted], _PRODUCTS)
        return wanted, [partial.path for partial, _ in made]
