"""Sidecars: files that lie beside an essence, are called like it, and are about it."""

from __future__ import annotations

import os
from pathlib import Path

from vidijob.executors import jobdata
from vidijob.executors.storage import Storage, uri_of
from vidijob.jobs.model import JobData

KEY = "ignoreSidecar"
#: Metadata and subtitles.
_ENDINGS = frozenset({".xml", ".xmp", ".json", ".srt", ".vtt", ".ttml", ".dfxp", ".itt", ".scc", ".stl"})


def beside(data: JobData, storage: Storage, source: Path) -> list[str]:
    """Return the URIs of a source's sidecars, in alphabetical order: ``clip.xml`` and ``clip.mov.xml`` of ``clip.mov``."""
    if jobdata.flag(data, KEY):
        return []
    starts = (source.stem, source.name)
    with storage.enter(source.parent) as at:
        found = [
            name
            for name in sorted(os.listdir(at))
            if Path(name).stem in starts and Path(name).suffix.lower() in _ENDINGS and name != source.name
        ]
    return [uri_of(source.with_name(name)) for name in found if source.with_name(name).is_file()]
