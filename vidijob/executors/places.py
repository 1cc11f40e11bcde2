"""Where the executor ``file`` reads from and writes to: a source is read once from its start to its end, a target is written
under a hidden name, checked, and published. They are what files below the storage roots and files elsewhere have in common.
It blocks: call it in a thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from vidijob.executors import copying, partials, removing
from vidijob.executors.partials import Partial, Receipt
from vidijob.executors.storage import Storage, uri_of
from vidijob.executors.threads import Stop

Content = Iterable[bytes | memoryview]


class Source(Protocol):
    """A file to be read."""

    @property
    def uri(self) -> str:
        """What it is called in job data and sentences."""

    def size(self, stop: Stop) -> int | None:
        """Return its size in bytes, or ``None`` where nobody says. Raises ``Absent`` where it is not there."""

    def read(self, stop: Stop) -> Iterator[bytes | memoryview]:
        """Yield what it holds, piece by piece; a piece is good until the next is asked for."""

    def seal(self, stop: Stop) -> str:
        """Return by what it is known again."""

    def remove(self, sealed: str, stop: Stop) -> None:
        """Take it away where it is the one that was sealed; nothing happens where it is gone."""


class Target(Protocol):
    """A file to be made, by one attempt."""

    @property
    def uri(self) -> str:
        """What it is called in job data and sentences."""

    def by(self, lease: int) -> Target:
        """Return the same file as another attempt makes it."""

    def beside(self, ending: str) -> Target:
        """Return a file whose name has one more ending."""

    def prepare(self, stop: Stop) -> None:
        """See to it that its place is free and has a folder. Raises ``Invalid``."""

    def sweep(self, stop: Stop, before: int | None = None) -> None:
        """Take away what attempts have left, or with ``before`` only those with an older lease."""

    def write(self, content: Content, tell: Callable[[int], None], stop: Stop) -> tuple[str, int]:
        """Write it under its hidden name and return its checksum and size; ``tell`` hears of the bytes written so far."""

    def receipt(self, checksum: str, size: int, stop: Stop) -> str:
        """See to it that what ``write`` has written is safely stored.

        Returns by what later steps know it again: its lease, a colon, the rest.
        """

    def check(self, receipt: str, checksum: str | None, stop: Stop) -> bool:
        """Tell whether it still is what was written; with ``checksum`` it is read again."""

    def require(self, receipt: str, stop: Stop) -> None:
        """Raise ``Invalid`` unless it can be published, or is."""

    def publish(self, receipt: str, stop: Stop) -> None:
        """Give it its final name, and do no harm when repeated."""

    def withdraw(self, receipt: str, stop: Stop) -> None:
        """Take back a publication where that is possible."""

    def remove(self, stop: Stop) -> None:
        """Take away what this attempt has written and not published."""


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A file below a storage root."""

    storage: Storage
    path: Path

    @property
    def uri(self) -> str:
        """Return its URI."""
        return uri_of(self.path)

    def size(self, stop: Stop) -> int:
        """Return its size in bytes."""
        return self.storage.size(self.path)

    def read(self, stop: Stop) -> Iterator[bytes | memoryview]:
        """Yield what it holds."""
        descriptor = self.storage.open_source(self.path)
        try:
            yield from copying.chunks(descriptor, self.path, stop)
        finally:
            os.close(descriptor)

    def seal(self, stop: Stop) -> str:
        """Return by what it is known again."""
        return removing.seal(self.storage, self.path).text()

    def remove(self, sealed: str, stop: Stop) -> None:
        """Take it away."""
        removing.remove(self.storage, self.path, Receipt.parse(sealed))


@dataclass(frozen=True, slots=True)
class LocalTarget:
    """A file to be made below a storage root."""

    partial: Partial

    @property
    def path(self) -> Path:
        """Return where it will be."""
        return self.partial.destination

    @property
    def uri(self) -> str:
        """Return its URI."""
        return uri_of(self.path)

    def by(self, lease: int) -> LocalTarget:
        """Return the same file as another attempt makes it."""
        return LocalTarget(replace(self.partial, lease=lease))

    def beside(self, ending: str) -> LocalTarget:
        """Return a file whose name has one more ending."""
        return LocalTarget(replace(self.partial, destination=self.path.with_name(self.path.name + ending)))

    def prepare(self, stop: Stop) -> None:
        """See to it that its place is free and has a folder."""
        self.partial.storage.require_vacant(self.path, overwrite=self.partial.overwrite)
        self.partial.storage.prepare(self.path.parent)

    def sweep(self, stop: Stop, before: int | None = None) -> None:
        """Take away what attempts have left."""
        partials.sweep(self.partial.storage, [self.path], self.partial.job, before=before)

    def write(self, content: Content, tell: Callable[[int], None], stop: Stop) -> tuple[str, int]:
        """Write it under its hidden name."""
        descriptor = self.partial.create()
        try:
            return copying.write(descriptor, content, tell)
        finally:
            os.close(descriptor)

    def link(self, source: Path) -> bool:
        """Let a file be this one by a second name, without copying; tell whether the file systems can do that."""
        return self.partial.link(source)

    def receipt(self, checksum: str, size: int, stop: Stop) -> str:
        """Force it to the disk."""
        return self.partial.receipt().text()

    def check(self, receipt: str, checksum: str | None, stop: Stop) -> bool:
        """Tell whether it still is what was written."""
        descriptor = self.partial.open()
        try:
            whole = Receipt.parse(receipt).fits(os.fstat(descriptor))
            return whole and (checksum is None or copying.checksum_of(descriptor, stop) == checksum)
        finally:
            os.close(descriptor)

    def require(self, receipt: str, stop: Stop) -> None:
        """Raise ``Invalid`` unless it can be published, or is."""
        self.partial.require(Receipt.parse(receipt))

    def publish(self, receipt: str, stop: Stop) -> None:
        """Give it its final name."""
        self.partial.publish(Receipt.parse(receipt))

    def withdraw(self, receipt: str, stop: Stop) -> None:
        """Take back a publication."""
        self.partial.withdraw(Receipt.parse(receipt))

    def remove(self, stop: Stop) -> None:
        """Take away what this attempt has written."""
        self.partial.remove()


def publish_all(made: Sequence[tuple[Target, str]], stop: Stop) -> None:
    """Publish all files of a job with their receipts, or none where one of them is refused."""
    for target, receipt in made:
        target.require(receipt, stop)
    published = []
    try:
        for target, receipt in made:
            published.append((target, receipt))
            target.publish(receipt, stop)
    except Exception:
        for target, receipt in published:
            target.withdraw(receipt, stop)
        raise
