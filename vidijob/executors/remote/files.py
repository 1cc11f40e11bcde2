"""One file elsewhere: what is asked of it and done with it. Every call is made by a courier, so that it ends at once when it is
to stop, and every error is one of ours (``troubles.py``). It blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from vidijob.errors import Invalid, NoAnswer
from vidijob.executors.remote import couriers
from vidijob.executors.remote.addresses import Address
from vidijob.executors.remote.schemes import Remotes
from vidijob.executors.remote.troubles import in_our_words
from vidijob.executors.storage import Absent
from vidijob.executors.threads import Stop

Result = TypeVar("Result")
_CHUNK = 1024 * 1024
_FTP_CHUNK = 64 * 1024
#: Under which names the file systems tell when a file was changed, or which version it is.
_VERSIONS = ("ETag", "modify", "mtime", "LastModified", "Last-Modified", "last_modified", "updated", "etag")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file."""

    #: In bytes; ``None`` where nobody says.
    size: int | None
    #: Something that is another text when the file is another; empty where nobody says.
    version: str


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file elsewhere, whether it is there or not."""

    remotes: Remotes
    address: Address
    #: The data key to complain about.
    key: str

    def facts(self, stop: Stop) -> Facts:
        """Return what is known of it. Raises ``Absent`` where it is not there, ``Invalid`` for a folder."""
        found = self._call(lambda system, name: dict(system.info(name)), stop)
        if found.get("type") == "directory":
            raise Invalid(self.key, f"{self.key} names {self.address.uri}, a folder; name a file.")
        size = found.get("size")
        version = next((str(found[name]) for name in _VERSIONS if found.get(name)), "")
        return Facts(None if size is None else int(size), version)

    def exists(self, stop: Stop) -> bool:
        """Tell whether it, or a folder of that name, is there."""
        try:
            self._call(lambda system, name: system.info(name), stop)
        except Absent:
            return False
        return True

    def read(self, stop: Stop, size: int | None = None) -> Iterator[bytes]:
        """Yield what it holds; ``size`` is what is expected. Raises ``NoAnswer`` when the connection breaks."""
        done = 0
        with self._in_our_words():
            for piece in couriers.receive(self._pump_in, stop):
                done += len(piece)
                yield piece
        if size is not None and done != size:
            raise NoAnswer(f"{self.address.uri}: {done} bytes came, and {size} were promised.")

    def write(self, content: Iterable[bytes], stop: Stop) -> None:
        """Make it, with that content; what was there before is gone."""
        with self._in_our_words():
            couriers.send(self._pump_out, content, stop)

    def make_folder(self, stop: Stop) -> None:
        """Make the folder that it is in, where it is not there yet."""
        if self.address.folder.strip("/"):
            folder = replace(self, address=replace(self.address, path=self.address.folder))
            try:
                folder._call(lambda system, name: system.makedirs(name, exist_ok=True), stop)
            except (Absent, Invalid):
                # Another may have made it just now.
                if not folder.exists(stop):
                    raise

    def rename(self, new: Address, stop: Stop) -> None:
        """Give it another name in its folder; where something has that name, what happens is the server's business."""

        def rename(system: Any, name: str) -> None:
            target = name.removesuffix(self.address.path) + new.path
            if _can_rename(system):
                system.mv(name, target)
            else:
                system.cp_file(name, target)
                system.rm_file(name)

        self._call(rename, stop)

    def remove(self, stop: Stop) -> None:
        """Take it away; nothing happens where it is gone."""
        with contextlib.suppress(Absent):
            self._call(lambda system, name: system.rm_file(name), stop)

    def siblings(self, stop: Stop) -> list[str]:
        """Return the names of what is in its folder; none where that is not there."""
        folder = replace(self, address=replace(self.address, path=self.address.folder or "/"))
        try:
            found = folder._call(lambda system, name: list(system.ls(name, detail=False)), stop)
        except Absent:
            return []
        return [str(name).rstrip("/").rpartition("/")[2] for name in found]

    def _call(self, work: Callable[[Any, str], Result], stop: Stop) -> Result:
        with self._in_our_words():
            return couriers.call(lambda: work(*self.remotes.connect(self.address)), stop)

    @contextlib.contextmanager
    def _in_our_words(self) -> Iterator[None]:
        try:
            yield
        except couriers.CallFailed as failed:
            raise in_our_words(failed.error, self.address, self.key) from None

    def _pump_in(self, put: Callable[[bytes], None]) -> None:
        system, name = self.remotes.connect(self.address)
        if self.address.scheme == "ftp":
            # By one command: fsspec would ask for each block anew.
            system.ftp.retrbinary(f"RETR {name}", put, _FTP_CHUNK)
            return
        # A stream where the file system has one: then the size, which is not asked for again, does not matter.
        more = {"block_size": 0, "size": 1} if self.address.is_http else {"cache_type": "none"}
        with system.open(name, "rb", **more) as file:
            while piece := file.read(_CHUNK):
                put(piece)

    def _pump_out(self, pieces: Iterator[bytes]) -> None:
        system, name = self.remotes.connect(self.address)
        if self.address.scheme == "ftp":
            system.ftp.storbinary(f"STOR {name}", _Reader(pieces), _FTP_CHUNK)
            return
        with system.open(name, "wb") as file:
            for piece in pieces:
                file.write(piece)


class _Reader:
    """Pieces as a file to be read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, count: int) -> bytes:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:count], self._rest[count:]
        return bytes(taken)


def _can_rename(system: Any) -> bool:
    from fsspec.spec import AbstractFileSystem

    return type(system).mv is not AbstractFileSystem.mv
