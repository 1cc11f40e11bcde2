"""Works out from a job's data which files a transcode makes. It says the same in every step, so nothing need be passed on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import StepContext
from vidijob.executors.making import destinations
from vidijob.executors.media import order
from vidijob.executors.media.presets import DEFAULT, Preset, Presets
from vidijob.executors.storage import Storage
from vidijob.jobs.model import JobData


@dataclass(frozen=True, slots=True)
class Output:
    """One file to be made."""

    preset: Preset
    destination: Path


def source(data: JobData, storage: Storage) -> Path:
    """Return the file to be transcoded."""
    return storage.source(jobdata.single(data, "sourceUri", "the file to be transcoded"))


def outputs(step: StepContext, storage: Storage, presets: Presets) -> list[Output]:
    """Return the files to be made, one for each tag, in the order of the tags.

    Each tag has a ``destinationUri`` of its own, or there is one that ends in ``/``: a folder, in which the files are named
    ``{source}_{tag}.{extension}``. Without a tag it is the preset named like the destination's ending, else ``mp4``.
    """
    name = storage.name(jobdata.single(step.data, "sourceUri", "the file to be transcoded"))
    return named_outputs(step, storage, presets, name)


def named_outputs(step: StepContext, storage: Storage, presets: Presets, name: str) -> list[Output]:
    """Return the files to be made; in a folder they are named by the file called ``name``."""
    chosen = wanted_presets(step.data, presets)
    stem = Path(name).stem
    names = [f"{stem}_{preset.tag}.{preset.extension}" for preset in chosen]
    return [Output(*pair) for pair in zip(chosen, destinations(step, storage, names, "tags"), strict=True)]


def wanted_presets(data: JobData, presets: Presets) -> list[Preset]:
    """Return what is to be made: the presets that ``tag`` names, or the order in ``transcodeJob``."""
    wanted = jobdata.some(data, "destinationUri", "the file to be made, or a folder that ends in /")
    tags = [tag.strip() for value in jobdata.values(data, "tag") for tag in value.split(",") if tag.strip()]
    ordered = jobdata.optional(data, order.KEY)
    if ordered is None:
        return [presets.get(tag) for tag in tags or [_default_tag(wanted, presets)]]
    if tags:
        raise Invalid("tag", f"The job has both tag and {order.KEY}, which says what is to be made instead; give one.")
    return [order.read(ordered)]


def _default_tag(wanted: tuple[str, ...], presets: Presets) -> str:
    ending = Path(wanted[0]).suffix.removeprefix(".").lower()
    return ending if ending in presets else DEFAULT
