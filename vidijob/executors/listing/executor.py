"""The executor ``report``: what is told of many files at once. Its methods are the steps of LIST_ITEMS.

Data in: ``sourceUri`` (folders; may repeat), ``destinationUri`` (the report, or a folder that ends in ``/``), ``format`` (``csv`` or
``json``; without it, as ``destinationUri`` ends, else ``csv``), and filters: ``pattern`` (of names, ``*.mov``; may repeat),
``extension`` (``mov,mxf``; may repeat), ``depth`` (how many folders deep), ``minimumSize`` (bytes), ``minimumAge`` (seconds since the
last change); ``mediaFacts`` (``false``: the files are not looked into).
Data out: ``fileUri`` and ``fileSize`` of the report; ``itemCount``, ``itemSize`` (bytes), ``itemDuration`` (seconds) and
``mediaCount`` of all files together.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from vidijob.errors import Invalid
from vidijob.executors import jobdata
from vidijob.executors.base import Done, StepContext
from vidijob.executors.listing import facts
from vidijob.executors.listing.tables import Csv, Json, Row, Table
from vidijob.executors.listing.walk import Filters, Item, Walk
from vidijob.executors.making import Making, all_or_none, destinations, receipts
from vidijob.executors.partials import Partial
from vidijob.executors.storage import Storage, shown
from vidijob.executors.threads import Stop, in_thread

_FORMATS: dict[str, type[Table]] = {"csv": Csv, "json": Json}
#: Files that one child looks into, and children at a time.
_SHARE = 32
_CHILDREN = 2
_COUNTED = 256
_PATTERNS = 100
_LONGEST_PATTERN = 255


class ReportExecutor(Making):
    """Writes reports of files below the storage roots."""

    # Folders are not fetched.
    fetched_keys = frozenset()

    def __init__(self, storage: Storage) -> None:
        super().__init__("report", storage, short={"setUp": self._set_up}, long={"list": self._list})

    def destinations(self, step: StepContext) -> list[Path]:
        """Return where the report is to be."""
        return destinations(step, self._storage, [f"items.{_format(step)}"], "reports")

    async def _set_up(self, step: StepContext) -> Done:
        filters(step)
        _looks_into(step)

        def look(stop: Stop) -> None:
            self._folders(step)
            self.make_room(step)

        await in_thread(look)
        return Done()

    async def _list(self, step: StepContext) -> Done:
        step.progress(0, 100, "percent")
        partials = await in_thread(lambda stop: self.begin(step))
        with all_or_none(partials):
            file = await in_thread(lambda stop: os.fdopen(partials[0].create(), "wb"))
            try:
                listing = await in_thread(lambda stop: self._begin(step, partials[0], file, stop))
                await listing.write()
                await in_thread(lambda stop: file.close())
            finally:
                # After an error there may be no room for what is left, and the error is to be told, not this.
                with contextlib.suppress(OSError):
                    file.close()
            made = await in_thread(lambda stop: receipts(partials))
        listing.tell_what_was_left_out()
        step.progress(100, 100, "percent")
        return Done({**made, **{name: [str(value)] for name, value in listing.totals.items()}})

    def _begin(self, step: StepContext, partial: Partial, file: BinaryIO, stop: Stop) -> _Listing:
        """Count the files, so that progress can be told, and return what lists them."""
        folders, wanted = self._folders(step), filters(step)
        # The time by the clock of the storage, which is what files have theirs from.
        now = os.stat(partial.path).st_mtime
        counting, total = Walk(self._storage, folders, wanted, now), 0
        while count := len(counting.take(_COUNTED, stop)):
            total += count
        walk = Walk(self._storage, folders, wanted, now)
        return _Listing(step, walk, _FORMATS[_format(step)](), file, total, looks_into=_looks_into(step))

    def _folders(self, step: StepContext) -> list[Path]:
        return [
            self._storage.source_folder(uri) for uri in jobdata.some(step.data, "sourceUri", "the folder to be listed")
        ]


class _Listing:
    """One report while it is written."""

    def __init__(
        self, step: StepContext, walk: Walk, table: Table, file: BinaryIO, total: int, *, looks_into: bool
    ) -> None:
        self._step = step
        self._walk = walk
        self._table = table
        self._file = file
        self._total = total
        self._looks_into = looks_into
        self._done = 0
        self._count = 0
        self._size = 0
        self._duration = 0.0
        self._media = 0

    @property
    def totals(self) -> dict[str, int | float]:
        """Return what all files are together."""
        totals: dict[str, int | float] = {"itemCount": self._count, "itemSize": self._size}
        if self._looks_into:
            totals |= {"itemDuration": round(self._duration, 3), "mediaCount": self._media}
        return totals

    async def write(self) -> None:
        """Write it, a few files at a time."""
        await in_thread(lambda stop: self._put(self._table.begin()))
        while items := await in_thread(lambda stop: self._walk.take(_SHARE * _CHILDREN, stop)):
            rows = await self._look_into(items) if self._looks_into else [(item, None) for item in items]
            await in_thread(lambda stop, rows=rows: self._put_rows(rows))  # type: ignore[misc]
        await in_thread(lambda stop: self._put(self._table.end(self.totals)))

    def tell_what_was_left_out(self) -> None:
        """Note folders that nobody may look into, and links."""
        for folder in self._walk.closed[:20]:
            self._step.note(f"The folder {shown(folder)} cannot be looked into.")
        if self._walk.links:
            self._step.note(f"{self._walk.links} links were not followed.")

    async def _look_into(self, items: Sequence[Item]) -> list[Row]:
        shares = [items[start : start + _SHARE] for start in range(0, len(items), _SHARE)]
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(facts.survey([item.path for item in share], self._tell)) for share in shares]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return [
            (item, media)
            for share, task in zip(shares, tasks, strict=True)
            for item, media in zip(share, task.result(), strict=True)
        ]

    def _tell(self) -> None:
        self._done += 1
        if self._total:
            self._step.progress(min(round(self._done / self._total * 100, 3), 100), 100, "percent")

    def _put_rows(self, rows: Sequence[Row]) -> None:
        # What vanished before it was looked into is not told of.
        there = [row for row in rows if row[1] is None or "error" not in row[1] or os.path.lexists(row[0].path)]
        self._put(self._table.rows(there))
        for item, media in there:
            self._count += 1
            self._size += item.size
            if media is not None and "error" not in media:
                self._media += 1
                self._duration += media["duration"] or 0

    def _put(self, text: str) -> None:
        self._file.write(text.encode("utf-8", "backslashreplace"))


def filters(step: StepContext) -> Filters:
    """Return which files a job wants."""
    patterns = jobdata.values(step.data, "pattern")
    for pattern in patterns:
        if "/" in pattern or len(pattern) > _LONGEST_PATTERN or len(patterns) > _PATTERNS:
            raise Invalid(
                "pattern",
                f"A pattern is {shown(pattern)}; give at most {_PATTERNS}, of names, like *.mov, with at most "
                f"{_LONGEST_PATTERN} characters and without /.",
            )
    extensions = {
        one.strip().lower().removeprefix(".")
        for said in jobdata.values(step.data, "extension")
        for one in said.split(",")
    }
    return Filters(
        patterns,
        frozenset(extensions - {""}),
        _number(step, "depth", "how many folders deep"),
        _number(step, "minimumSize", "bytes") or 0,
        _number(step, "minimumAge", "seconds") or 0,
    )


def _number(step: StepContext, key: str, what: str) -> int | None:
    said = jobdata.optional(step.data, key)
    if said is None:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", said):
        raise Invalid(key, f"{key} is {shown(said)}; give a whole number: {what}.")
    return int(said)


def _looks_into(step: StepContext) -> bool:
    said = (jobdata.optional(step.data, "mediaFacts") or "true").lower()
    if said not in ("true", "false"):
        raise Invalid("mediaFacts", f"mediaFacts is {shown(said)}; give true or false, or nothing.")
    return said == "true"


def _format(step: StepContext) -> str:
    said = jobdata.optional(step.data, "format")
    if said is None:
        ending = Path(jobdata.single(step.data, "destinationUri", "the report to be made")).suffix.lower()
        return "json" if ending == ".json" else "csv"
    if said.lower() not in _FORMATS:
        raise Invalid("format", f"format is {shown(said)}; give {' or '.join(_FORMATS)}, or nothing.")
    return said.lower()
