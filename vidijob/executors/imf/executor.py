"""The executor ``imf``: what is done with IMF packages. Its methods are the steps of IMF_ANALYZE.

Data in: ``sourceUri`` (the package's folder, or its asset map), ``destinationUri`` (optional: the report as a file, or a folder
that ends in ``/``), ``reportOnly`` (``true``: an invalid package does not fail the job).
Data out: ``imfValid``, ``imfReport`` (JSON), ``imfFinding`` (a sentence for each of the first findings), ``assetCount``; for each
composition ``cplId``, ``cplTitle``, ``cplKind``, ``cplEditRate`` and ``cplDuration`` (seconds); with ``destinationUri`` also
``fileUri`` and ``fileSize``.

Digital signatures of the lists are not looked at, and encrypted track files are compared as they are.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from vidijob.executors import jobdata
from vidijob.executors.base import Done, Fail, Outcome, StepContext
from vidijob.executors.imf import hashing, report
from vidijob.executors.imf.composition import Composition
from vidijob.executors.imf.findings import Findings
from vidijob.executors.imf.lists import read
from vidijob.executors.imf.package import Package
from vidijob.executors.making import Making, all_or_none, destinations, receipts
from vidijob.executors.news import News
from vidijob.executors.partials import Partial
from vidijob.executors.storage import Storage
from vidijob.executors.threads import Stop, in_thread

_REPORT_ONLY = "reportOnly"
_CHECKED = "vidijob_imf"
#: Verdicts other than ``ok`` that are kept between the steps, and findings that become data.
_MOST_VERDICTS = 2000
_MOST_FINDINGS = 100


class ImfExecutor(Making):
    """Checks packages below the storage roots; the assets are sub-tasks of the check."""

    # A package is more than the file that is named.
    fetched_keys = frozenset()

    def __init__(self, storage: Storage) -> None:
        super().__init__(
            "imf",
            storage,
            short={"setUp": self._set_up, "judge": self._judge},
            long={"checkAssets": self._check_assets, "analyze": self._analyze},
        )

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the report is to be, if anywhere."""
        if not jobdata.values(step.data, "destinationUri"):
            return []
        name = self._storage.name(self._source(step).rstrip("/"))
        stem = Path(name).stem if name.lower().startswith("assetmap") else name
        return destinations(step, self._storage, [f"{stem}_imf.json"], "packages")

    async def _set_up(self, step: StepContext) -> Done:
        jobdata.flag(step.data, _REPORT_ONLY)

        def look(stop: Stop) -> None:
            self._read(step, Findings(), stop)
            self.make_room(step)

        await in_thread(look)
        return Done()

    async def _check_assets(self, step: StepContext) -> Done:
        package = await in_thread(lambda stop: self._read(step, Findings(), stop))
        there = await in_thread(lambda stop: hashing.sizes(package))
        news = News(step, [package.assets[id].name for id in there])
        found = await in_thread(lambda stop: hashing.check(self._storage, package, news, stop))
        wrong = {id: verdict for id, verdict in found.items() if verdict != hashing.FINE}
        kept = dict(list(wrong.items())[:_MOST_VERDICTS])
        return Done({_CHECKED: [json.dumps({"wrong": kept, "more": len(wrong) - len(kept)})]})

    async def _analyze(self, step: StepContext) -> Done:
        checked = json.loads(jobdata.single(step.data, _CHECKED, "what the check of the assets has found"))

        def analyze(stop: Stop) -> Done:
            findings = Findings()
            package = self._read(step, findings, stop)
            found = {id: checked["wrong"].get(id, hashing.FINE) for id in hashing.sizes(package)}
            report.verdicts(package, found, findings)
            for _ in range(checked["more"]):
                findings.error("wrong", "Further assets are not what their packing lists say.")
            read = report.compositions(self._storage, package, findings, stop)
            names = report.extra(package, findings, stop)
            facts = report.report(package, found, read, names, findings)
            partials = self.begin(step)
            with all_or_none(partials):
                for partial in partials:
                    _write(partial, json.dumps(facts, ensure_ascii=False, indent=1))
                made = receipts(partials)
            for finding in findings.kept[:_MOST_FINDINGS]:
                step_notes.append(finding.text)
            return Done({**made, **_data(package, read, findings), "imfReport": [report.shortened(facts)]})

        step_notes: list[str] = []
        done = await in_thread(analyze)
        for text in step_notes:
            step.note(text)
        return done

    async def _judge(self, step: StepContext) -> Outcome:
        if jobdata.optional(step.data, "imfValid") == "true" or jobdata.flag(step.data, _REPORT_ONLY):
            return Done()
        first, *others = jobdata.values(step.data, "imfFinding") or ("",)
        more = f" There are {len(others)} further findings, in imfFinding." if others else ""
        return Fail(f"The package is not valid. {first}{more}")

    def _read(self, step: StepContext, findings: Findings, stop: Stop) -> Package:
        return read(self._storage, self._source(step), findings, stop)

    def _source(self, step: StepContext) -> str:
        return jobdata.single(step.data, "sourceUri", "the folder of the package, or its ASSETMAP.xml")


def _data(package: Package, read: list[Composition], findings: Findings) -> Mapping[str, list[str]]:
    return {
        "imfValid": ["true" if findings.errors == 0 else "false"],
        "imfFinding": [finding.text for finding in findings.kept[:_MOST_FINDINGS]],
        "assetCount": [str(len(package.assets))],
        "cplId": [one.id for one in read],
        "cplTitle": [one.title or "" for one in read],
        "cplKind": [one.kind or "" for one in read],
        "cplEditRate": [str(one.edit_rate) for one in read],
        "cplDuration": [f"{float(one.seconds):.6f}".rstrip("0").rstrip(".") for one in read],
    }


def _write(partial: Partial, text: str) -> None:
    descriptor = partial.create()
    with os.fdopen(descriptor, "wb") as file:
        file.write(text.encode("utf-8", "replace"))
