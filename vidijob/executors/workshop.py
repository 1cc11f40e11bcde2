"""The executors that come with the program, built for one machine."""

from __future__ import annotations

from vidijob.executors.base import Executor
from vidijob.executors.editing.executor import ConformExecutor, TimelineExecutor
from vidijob.executors.files.executor import FileExecutor
from vidijob.executors.imf.executor import ImfExecutor
from vidijob.executors.ingest.executor import IngestExecutor
from vidijob.executors.listing.executor import ReportExecutor
from vidijob.executors.media.analysis import AnalysisExecutor
from vidijob.executors.media.executor import MediaExecutor
from vidijob.executors.media.presets import Presets
from vidijob.executors.media.shapes import ShapeExecutor
from vidijob.executors.media.thumbnails import ThumbnailExecutor
from vidijob.executors.shell import ShellExecutor
from vidijob.executors.sidecar.executor import SidecarExecutor
from vidijob.executors.storage import Storage
from vidijob.settings import Settings


def build(settings: Settings, storage: Storage) -> dict[str, Executor]:
    """Return the executors that come with the program, by their names."""
    for root in settings.roots:
        root.mkdir(parents=True, exist_ok=True)
    presets = Presets.load(settings.preset_dir)
    found: dict[str, Executor] = {
        "media": MediaExecutor(storage, presets, threads=settings.threads),
        "conform": ConformExecutor(storage, presets, threads=settings.threads),
        "timeline": TimelineExecutor(storage, presets, threads=settings.threads),
        "ingest": IngestExecutor(storage, presets, threads=settings.threads),
        "file": FileExecutor(storage),
        "imf": ImfExecutor(storage),
        "report": ReportExecutor(storage),
        "sidecar": SidecarExecutor(storage),
        "shape": ShapeExecutor(storage),
        "thumbnail": ThumbnailExecutor(storage, threads=settings.threads),
        "analysis": AnalysisExecutor(storage, threads=settings.threads),
    }
    if settings.allow_program:
        found["shell"] = ShellExecutor(settings.allow_program)
    return found
