"""Files elsewhere as sources and targets. A target is written under a name of its own beside its place, checked, and renamed.

No server promises that a rename does not overwrite, so what stands there is looked for right before it. An attempt that was
killed between rename and receipt is repeated: then what is at the place must hold the bytes that were written.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from vidijob.errors import Invalid, NoAnswer
from vidijob.executors.places import Content
from vidijob.executors.remote.files import RemoteFile
from vidijob.executors.storage import Absent
from vidijob.executors.threads import Stop


@dataclass(frozen=True, slots=True)
class RemoteSource:
    """A file elsewhere."""

    file: RemoteFile

    @property
    def uri(self) -> str:
        """Return its URI, without password."""
        return self.file.address.uri

    def size(self, stop: Stop) -> int | None:
        """Return its size in bytes, or ``None`` where nobody says."""
        return self.file.facts(stop).size

    def read(self, stop: Stop) -> Iterator[bytes | memoryview]:
        """Yield what it holds."""
        before = self.file.facts(stop)
        yield from self.file.read(stop, before.size)
        if self.file.facts(stop) != before:
            raise NoAnswer(f"{self.uri} changed while it was read; wait until nobody writes to it.")

    def seal(self, stop: Stop) -> str:
        """Return by what it is known again."""
        facts = self.file.facts(stop)
        return f"{facts.size} {facts.version}"

    def remove(self, sealed: str, stop: Stop) -> None:
        """Take it away."""
        try:
            found = self.seal(stop)
        except Absent:
            return
        if found != sealed:
            raise Invalid(
                self.file.key,
                f"{self.uri} was changed, or another file has come to its place, since the job began; it is kept.",
            )
        self.file.remove(stop)


@dataclass(frozen=True, slots=True)
class RemoteTarget:
    """A file to be made elsewhere."""

    file: RemoteFile
    #: The job's id, as users know it.
    job: str
    #: The lease of the attempt that makes it.
    lease: int
    #: Whether it may take the place of a file that is there.
    overwrite: bool = False

    @property
    def uri(self) -> str:
        """Return its URI, without password."""
        return self.file.address.uri

    @property
    def _start(self) -> str:
        name = self.file.address.name
        if len(name.encode()) > 180:
            name = hashlib.sha256(name.encode()).hexdigest()[:32]
        return f".{name}.vidijob-{self.job}-"

    @property
    def _partial(self) -> RemoteFile:
        return replace(self.file, address=self.file.address.named(f"{self._start}{self.lease}.part"))

    def by(self, lease: int) -> RemoteTarget:
        """Return the same file as another attempt makes it."""
        return replace(self, lease=lease)

    def beside(self, ending: str) -> RemoteTarget:
        """Return a file whose name has one more ending."""
        address = self.file.address
        return replace(self, file=replace(self.file, address=address.named(address.name + ending)))

    def prepare(self, stop: Stop) -> None:
        """See to it that its place is free and has a folder."""
        if self.file.address.is_http:
            raise Invalid(
                self.file.key, f"{self.uri}: files can be read from {self.file.address.scheme}, not written to."
            )
        if self._stands_in_the_way(stop):
            raise self._occupied()
        self.file.make_folder(stop)

    def sweep(self, stop: Stop, before: int | None = None) -> None:
        """Take away what attempts have left."""
        for name in () if self.file.address.is_http else self.file.siblings(stop):
            found = re.fullmatch(re.escape(self._start) + r"(\d+)\.part", name)
            if found is not None and (before is None or int(found[1]) < before):
                self.by(int(found[1]))._partial.remove(stop)

    def write(self, content: Content, tell: Callable[[int], None], stop: Stop) -> tuple[str, int]:
        """Write it under its hidden name."""
        digest, done = hashlib.sha256(), 0

        def pieces() -> Iterator[bytes]:
            nonlocal done
            for piece in content:
                digest.update(piece)
                yield bytes(piece)
                done += len(piece)
                tell(done)

        self._partial.write(pieces(), stop)
        return digest.hexdigest(), done

    def receipt(self, checksum: str, size: int, stop: Stop) -> str:
        """See to it that it is whole."""
        found = self._partial.facts(stop).size
        if found is not None and found != size:
            raise NoAnswer(f"{self.uri}: {size} bytes were sent, and {found} are there.")
        return f"{self.lease}:{size}:{checksum}"

    def check(self, receipt: str, checksum: str | None, stop: Stop) -> bool:
        """Tell whether it still is what was written."""
        size, _ = _of(receipt)
        return self._partial.facts(stop).size in (size, None) and (
            checksum is None or _checksum(self._partial, stop) == checksum
        )

    def require(self, receipt: str, stop: Stop) -> None:
        """Raise ``Invalid`` unless it can be published, or is."""
        if not self._partial.exists(stop) and not self.holds(receipt, stop):
            raise Invalid(self.file.key, f"The file made for {self.uri} is gone; run the job again.")

    def publish(self, receipt: str, stop: Stop) -> None:
        """Give it its final name."""
        if self._stands_in_the_way(stop):
            # Where renaming is copying and deleting, it may have been killed in between.
            if not self.holds(receipt, stop):
                raise self._occupied()
            self._partial.remove(stop)
        elif self._partial.exists(stop):
            self._rename(stop)
        elif not self.holds(receipt, stop):
            raise Invalid(self.file.key, f"The file made for {self.uri} is gone; run the job again.")

    def withdraw(self, receipt: str, stop: Stop) -> None:
        """Take back a publication; where it may have taken the place of another file, it stays."""
        if not self.overwrite and not self._partial.exists(stop) and self.holds(receipt, stop):
            self.file.rename(self._partial.address, stop)

    def remove(self, stop: Stop) -> None:
        """Take away what this attempt has written."""
        self._partial.remove(stop)

    def holds(self, receipt: str, stop: Stop) -> bool:
        """Tell whether what is at its place are the bytes that were written."""
        size, checksum = _of(receipt)
        try:
            return self.file.facts(stop).size in (size, None) and _checksum(self.file, stop) == checksum
        except Absent:
            return False

    def _stands_in_the_way(self, stop: Stop) -> bool:
        if not self.overwrite:
            return self.file.exists(stop)
        # A folder does in any case; asking for its facts complains.
        with contextlib.suppress(Absent):
            self.file.facts(stop)
        return False

    def _rename(self, stop: Stop) -> None:
        try:
            self._partial.rename(self.file.address, stop)
        except (Invalid, NoAnswer):
            # Some servers rename only to what is free.
            if not (self.overwrite and self.file.exists(stop) and self._partial.exists(stop)):
                raise
            self.file.remove(stop)
            self._partial.rename(self.file.address, stop)

    def _occupied(self) -> Invalid:
        key = self.file.key
        return Invalid(key, f"{self.uri} exists already and is never overwritten; choose another {key}.")


def _of(receipt: str) -> tuple[int, str]:
    found = re.fullmatch(r"\d+:(\d+):([0-9a-f]{64})", receipt)
    if found is None:
        raise Invalid("vidijob_receipt", "The job's notes of its own files cannot be read; run it again.")
    return int(found[1]), found[2]


def _checksum(file: RemoteFile, stop: Stop) -> str:
    digest = hashlib.sha256()
    for piece in file.read(stop):
        digest.update(piece)
    return digest.hexdigest()
