"""The executor ``shape``: finds out what files hold. Its methods are the steps of FILE_ANALYZE and SHAPE_UPDATE.

Data in: ``sourceUri`` (FILE_ANALYZE one, SHAPE_UPDATE may repeat), ``checksums`` (``SHA-256``, ``MD5``, …; may repeat),
``destinationUri`` (a JSON file to be made, or a folder), ``expectedMediaInfo`` (SHAPE_UPDATE: what was known, one per source).
Data out: ``mediaInfo`` (JSON, one per source) and from it ``container``, ``duration``, ``videoCodec``, …; ``checksum`` and
``checksumAlgorithm``; ``shapeChanged`` (``true`` or ``false``) and ``shapeChanges`` (JSON); ``fileUri`` and ``fileSize``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, StepContext
from vidijob.executors.copying import read_all
from vidijob.executors.media import changes
from vidijob.executors.media.probing import examine
from vidijob.executors.media.reporting import Reporting
from vidijob.executors.news import News
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread

_ALGORITHMS = {"MD5": hashlib.md5, "SHA-1": hashlib.sha1, "SHA-256": hashlib.sha256, "SHA-512": hashlib.sha512}
_MANY = 100


class ShapeExecutor(Reporting):
    """Reads the technical facts of files; tells what has changed since they were read last."""

    ending = "_info.json"

    def __init__(self, storage: Storage) -> None:
        super().__init__(
            "shape",
            storage,
            short={"setUp": self._set_up, "analyze": self._analyze, "compare": self._compare},
            long={"checkMedia": self._check_media},
        )

    def sources(self, step: StepContext) -> list[Path]:
        """Return the files of the shape. It blocks."""
        return [self._storage.source(uri) for uri in self.source_uris(step)]

    def source_uris(self, step: StepContext) -> Sequence[str]:
        """Return how the job's data names them."""
        found = jobdata.some(step.data, "sourceUri", "the file to be looked into")
        if len(found) > _MANY:
            raise Invalid("sourceUri", f"The job has {len(found)} values of sourceUri; give at most {_MANY}.")
        return found

    async def _set_up(self, step: StepContext) -> Done:
        _algorithms(step)
        _expected(step, len(self.source_uris(step)))

        def look(stop: Stop) -> None:
            for source in self.sources(step):
                os.close(self._storage.open_source(source))
            self.make_room(step)

        await in_thread(look)
        return Done()

    async def _check_media(self, step: StepContext) -> Done:
        sources = await in_thread(lambda stop: self.sources(step))
        algorithms = _algorithms(step)
        files = [await examine(source) for source in sources]
        sums: list[str] = []
        if algorithms:
            news = News(step, [shown(source.name) for source in sources])
            sums = await in_thread(lambda stop: self._checksums(sources, algorithms, stop, news))
            for place, facts in enumerate(files):
                own = sums[place * len(algorithms) : (place + 1) * len(algorithms)]
                facts["checksums"] = dict(zip(algorithms, own, strict=True))
        return Done(
            {
                "mediaInfo": [json.dumps(facts, separators=(",", ":")) for facts in files],
                "checksum": sums or None,
                "checksumAlgorithm": algorithms * len(files) or None,
            }
        )

    def _checksums(self, sources: Sequence[Path], algorithms: Sequence[str], stop: Stop, news: News) -> list[str]:
        sizes = [self._storage.size(source) for source in sources]
        news.begin(sum(sizes))
        found = []
        for place, source in enumerate(sources):
            news.file(place, sizes[place])
            digests = [_ALGORITHMS[name](usedforsecurity=False) for name in algorithms]
            descriptor = self._storage.open_source(source)
            try:
                size = read_all(descriptor, [digest.update for digest in digests], stop, news.done)
            finally:
                os.close(descriptor)
            news.end_of_file(size)
            found += [digest.hexdigest() for digest in digests]
        return found

    async def _analyze(self, step: StepContext) -> Done:
        files = _known(step)
        if len(files) > 1:
            raise Invalid("sourceUri", f"The job has {len(files)} values of sourceUri; give one, or use SHAPE_UPDATE.")
        made = await self.report(step, {"sourceUri": self.source_uris(step)[0], **files[0]})
        return Done({**_facts(files[0]), **made})

    async def _compare(self, step: StepContext) -> Done:
        uris, files = self.source_uris(step), _known(step)
        expected = _expected(step, len(uris))
        found = [changes.changes(before, now) for before, now in zip(expected, files, strict=False)]
        reports = [
            {"sourceUri": uri, "mediaInfo": facts, **({"changes": found[place]} if found else {})}
            for place, (uri, facts) in enumerate(zip(uris, files, strict=True))
        ]
        made = await self.report(step, {"files": reports})
        durations = [str(facts.get("duration", "")) for facts in files]
        if not found:
            return Done({"duration": durations, **made})
        named = [{"sourceUri": uri, **change} for uri, several in zip(uris, found, strict=True) for change in several]
        return Done(
            {
                "duration": durations,
                "shapeChanged": ["true" if several else "false" for several in found],
                "shapeChanges": [json.dumps(named, separators=(",", ":"))],
                **made,
            }
        )


def _known(step: StepContext) -> list[dict[str, Any]]:
    return [json.loads(text) for text in step.data["mediaInfo"]]


def _facts(info: Mapping[str, Any]) -> dict[str, list[str] | None]:
    """Return the facts that people ask for most, each under a key of its own; what there is none of, has none."""

    def of(kind: str, name: str) -> list[str]:
        return [str(stream[name]) for stream in info["streams"] if stream["kind"] == kind and name in stream]

    found: dict[str, Callable[[], list[str]]] = {
        "container": lambda: [info["container"]],
        "duration": lambda: [str(info["duration"])] if "duration" in info else [],
        "videoCodec": lambda: of("video", "codec"),
        "width": lambda: of("video", "width"),
        "height": lambda: of("video", "height"),
        "frameRate": lambda: of("video", "frameRate"),
        "audioCodec": lambda: of("audio", "codec"),
        "audioChannels": lambda: of("audio", "channels"),
        "timeCode": lambda: [info["timeCode"]] if "timeCode" in info else [],
    }
    return {key: read() or None for key, read in found.items()}


def _algorithms(step: StepContext) -> list[str]:
    found: dict[str, None] = {}
    for word in ",".join(jobdata.values(step.data, "checksums")).split(","):
        if not word.strip():
            continue
        plain = word.strip().upper().replace("-", "")
        name = next((name for name in _ALGORITHMS if name.replace("-", "") == plain), None)
        if name is None:
            raise Invalid(
                "checksums", f"checksums has {shown(word)}; give some of {', '.join(_ALGORITHMS)}, or nothing."
            )
        found[name] = None
    return list(found)


def _expected(step: StepContext, sources: int) -> list[dict[str, Any]]:
    given = jobdata.values(step.data, "expectedMediaInfo")
    if given and len(given) != sources:
        raise Invalid(
            "expectedMediaInfo",
            f"The job has {sources} values of sourceUri and {len(given)} of expectedMediaInfo; give as many, or none.",
        )
    return [changes.parse(text, "expectedMediaInfo") for text in given]
