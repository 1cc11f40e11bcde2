"""Works out from a job's data what an import takes and where it puts it. It says the same in every step.

What an import makes is in two batches: the essence as it came, with its sidecars, and what is made of it, which may fail
without harm to the first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import StepContext
from vidijob.executors.ingest.posters import Poster, posters
from vidijob.executors.making import destinations, require_distinct
from vidijob.executors.media.presets import Preset, Presets
from vidijob.executors.storage import Storage, shown
from vidijob.executors.uploads import require_name
from vidijob.jobs.model import JobData
from vidijob.jobs.uploads import UPLOAD, UPLOAD_NAME

#: The sidecars that were found beside the source, by their URIs.
SIDECARS = "vidijob_sidecar"
#: The number of an essence version; its folder is ``v`` and the number.
VERSION = "essenceVersion"
#: A tag that clients give for the file as it came, which is kept anyway.
ORIGINAL = "original"
_ITEM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@dataclass(frozen=True, slots=True)
class Original:
    """A file that is taken."""

    uri: str
    #: What it is called, where it is and after.
    name: str


@dataclass(frozen=True, slots=True)
class Product:
    """A file that is made of the essence."""

    made_by: Preset | Poster
    destination: Path

    @property
    def name(self) -> str:
        """Return what people call it: the tag, or ``poster``."""
        return self.made_by.tag if isinstance(self.made_by, Preset) else self.made_by.name


@dataclass(frozen=True, slots=True)
class Taken:
    """Where the files go that are taken as they are."""

    #: One for each source.
    essence: Sequence[Path]
    #: One for each sidecar.
    sidecars: Sequence[Path]

    @property
    def all(self) -> list[Path]:
        """Return the places of the essence, then of the sidecars."""
        return [*self.essence, *self.sidecars]


def essence(data: JobData, storage: Storage) -> list[Original]:
    """Return the files that an import is about: the upload, or the sources."""
    uploads = data.get(UPLOAD, ())
    if uploads:
        name = jobdata.single(data, UPLOAD_NAME, "the name of the upload")
        require_name(name)
        return [Original(uploads[0], name)]
    uris = jobdata.some(data, "sourceUri", "the file to be imported")
    return [Original(uri, storage.name(uri)) for uri in uris]


def found_sidecars(data: JobData, storage: Storage) -> list[Original]:
    """Return the files that were found beside the source."""
    return [Original(uri, storage.name(uri)) for uri in data.get(SIDECARS, ())]


def taken(step: StepContext, storage: Storage, more: Mapping[str, Sequence[str]]) -> Taken:
    """Return where the files go that are taken as they are; ``more`` is job data that is not kept yet."""
    data = {**step.data, **more}
    names = [original.name for original in essence(data, storage)]
    if jobdata.values(data, "destinationUri") and VERSION not in data:
        kept = destinations(step, storage, names, "values of sourceUri")
    else:
        folder = _folder(data, storage, step.job)
        kept = [folder / name for name in names]
    # A sidecar goes on being called like the file that it is about.
    first, stem = kept[0], Path(names[0]).stem
    beside = [
        first.with_name(first.stem + original.name.removeprefix(stem)) for original in found_sidecars(data, storage)
    ]
    require_distinct([*kept, *beside])
    return Taken(kept, beside)


def products(data: JobData, presets: Presets, places: Taken) -> list[Product]:
    """Return what is to be made of the essence: transcodes in the order of the tags, then posters."""
    first = places.essence[0]
    found = [
        *(Product(preset, _beside(first, f"_{preset.tag}.{preset.extension}")) for preset in tags(data, presets)),
        *(Product(poster, _beside(first, f"_{poster.name}.{poster.extension}")) for poster in posters(data)),
    ]
    require_distinct([*places.all, *(product.destination for product in found)])
    return found


def tags(data: JobData, presets: Presets) -> list[Preset]:
    """Return the presets that transcodes are asked for with; one that is named twice counts once."""
    named = [tag.strip() for value in jobdata.values(data, "tag") for tag in value.split(",")]
    return [presets.get(tag) for tag in dict.fromkeys(named) if tag and tag != ORIGINAL]


def base(data: JobData, storage: Storage) -> Path:
    """Return the folder that has the versions of an item's essence."""
    given = jobdata.optional(data, "destinationUri")
    if given is not None:
        return storage.folder(given)
    if jobdata.optional(data, "itemId") is None:
        raise Invalid("itemId", "The job has no itemId and no destinationUri; say whose new version it is.")
    return storage.working_root() / _item(data)


def own_folder(storage: Storage, job: str) -> Path:
    """Return the folder of a job that names neither an item nor a place."""
    # An item may have the same id as a job.
    return storage.working_root() / f"JOB-{job}"


def _folder(data: JobData, storage: Storage, job: str) -> Path:
    if VERSION in data:
        number = jobdata.single(data, VERSION, "the number of the version")
        if not _NUMBER.fullmatch(number):
            raise Invalid(VERSION, f"{VERSION} is {shown(number)}; it is a number that the job finds itself.")
        folder = base(data, storage) / f"v{number}"
    elif jobdata.optional(data, "itemId") is not None:
        folder = storage.working_root() / _item(data)
    else:
        folder = own_folder(storage, job)
    return storage.folder(str(folder))


def _item(data: JobData) -> str:
    item = jobdata.single(data, "itemId", "the id of the item")
    if not _ITEM.fullmatch(item):
        raise Invalid(
            "itemId",
            f"itemId is {shown(item)}, after which no folder can be named; use letters, digits, '-', '_' and '.', "
            "or give a destinationUri.",
        )
    return item


def _beside(file: Path, end: str) -> Path:
    """Return a name for what is made of a file."""
    return file.with_name(file.stem + end)
