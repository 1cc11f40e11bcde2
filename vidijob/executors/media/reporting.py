"""What the executors have in common that find out something: job data always, and a JSON file where ``destinationUri`` asks
for one.
"""

from __future__ import annotations

import json
import os
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vidijob.executors import jobdata
from vidijob.executors.base import StepContext
from vidijob.executors.making import Making, all_or_none, destinations, receipts
from vidijob.executors.remote.transit import RoutedStep
from vidijob.executors.threads import Stop, in_thread


class Reporting(Making):
    """An executor that makes at most one file: a report."""

    #: How a report is called in a folder, after the name of the first source.
    ending: str = "_report.json"

    @abstractmethod
    def sources(self, step: StepContext) -> list[Path]:
        """Return the files that are looked into. It blocks."""

    @abstractmethod
    def source_uris(self, step: StepContext) -> Sequence[str]:
        """Return how the job's data names them."""

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the report is to be, if one is asked for."""
        if not jobdata.values(step.data, "destinationUri"):
            return []
        name = Path(self._storage.name(self.source_uris(step)[0])).stem + self.ending
        return destinations(step, self._storage, [name], "report")

    def written(self, step: StepContext) -> Path:
        """Return the report, or a source where there is none: something for its storage to be complained about."""
        return (*self.destinations(step), *self.sources(step))[0]

    async def report(self, step: StepContext, content: Any) -> Mapping[str, Sequence[str]]:
        """Write a report, if one is asked for, and return the job data by which later steps know it again."""
        text = json.dumps(content, indent=2, ensure_ascii=False)
        if isinstance(step, RoutedStep):
            text = step.transit.said(text)
        encoded = text.encode("utf-8", "replace") + b"\n"

        def write(stop: Stop) -> Mapping[str, Sequence[str]]:
            partials = self.begin(step)
            with all_or_none(partials):
                for partial in partials:
                    with os.fdopen(partial.create(), "wb") as file:
                        file.write(encoded)
                return receipts(partials)

        return await in_thread(write)
