"""Sidecars: files that lie beside an essence, are called like it, and are about it."""

from __future__ import annotations

import os
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.storage import Storage, shown, uri_of
from vidijob.jobs.model import JobData

KEY = "ignoreSidecar"
#: Metadata and subtitles.
_ENDINGS = frozenset({".xml", ".xmp", ".json", ".srt", ".vtt", ".ttml", ".dfxp", ".itt", ".scc", ".stl"})


def beside(data: JobData, storage: Storage, source: Path) -> list[str]:
    """Return the URIs of a source's sidecars, in alphabetical order: ``clip.xml`` and ``clip.mov.xml`` of ``clip.mov``."""
    if _are_ignored(data):
        return []
    starts = (source.stem, source.name)
    with storage.enter(source.parent) as at:
        found = [
            name
            for name in sorted(os.listdir(at))
            if Path(name).stem in starts and Path(name).suffix.lower() in _ENDINGS and name != source.name
        ]
    return [uri_of(source.with_name(name)) for name in found if source.with_name(name).is_file()]


def _are_ignored(data: JobData) -> bool:
    text = (jobdata.optional(data, KEY) or "false").lower()
    if text not in ("true", "false"):
        raise Invalid(KEY, f"{KEY} is {shown(text)}; give true or false, or nothing.")
    return text == "true"
