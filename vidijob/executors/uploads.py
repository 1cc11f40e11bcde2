"""Where files land that come with a request, until a job takes them over: a hidden folder of the first storage root.

``{token}.part`` is on its way, ``{token}`` is whole and on the disk. Who sends them, and which job they are for, is not known
here. It blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.outcomes import has_room
from vidijob.executors.partials import Partial
from vidijob.executors.storage import Storage, shown, uri_of

FOLDER = ".vidijob-uploads"
_WHOLE = re.compile(r"[0-9a-f]{32}")
_COMING = re.compile(r"[0-9a-f]{32}\.part")
_CLOCK = ".clock"


@dataclass(frozen=True, slots=True)
class Landed:
    """A file that is whole."""

    uri: str
    #: SHA-256, in hex.
    checksum: str
    #: In bytes.
    size: int


class Landing:
    """One file on its way. It is opened, written by one after the other, and in the end completed or removed."""

    def __init__(self, field: LandingField) -> None:
        self._field = field
        self._token = secrets.token_hex(16)
        self._digest = hashlib.sha256()
        self._size = 0
        self._descriptor = -1
        self._made = False

    def open(self) -> None:
        """Make the file."""
        with self._field.enter(make=True) as at:
            self._made = True
            self._descriptor = os.open(
                f"{self._token}.part", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666, dir_fd=at
            )

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._digest.update(piece)
        self._size += len(piece)
        rest = memoryview(piece)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def complete(self) -> Landed:
        """Force it to the disk; from here on it is whole, whatever happens."""
        os.fsync(self._descriptor)
        self._close()
        with self._field.enter() as at:
            os.rename(f"{self._token}.part", self._token, src_dir_fd=at, dst_dir_fd=at)
            os.fsync(at)
        return Landed(uri_of(self._field.folder / self._token), self._digest.hexdigest(), self._size)

    def remove(self) -> None:
        """Take it away, whole or not, where it was made."""
        if not self._made:
            return
        self._close()
        with contextlib.suppress(FileNotFoundError), self._field.enter() as at:
            for name in (f"{self._token}.part", self._token):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=at)

    def _close(self) -> None:
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class LandingField:
    """The folder of a storage that files land in."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @property
    def folder(self) -> Path:
        """Return its real path; raises ``Absent`` where the storage root is not there."""
        root = self._storage.working_root()
        self._storage.require_root(root)
        return root / FOLDER

    def has_room(self, size: int) -> bool:
        """Tell whether so many bytes leave enough free for what else lives on the file system."""
        return has_room(self.folder.parent, size)

    @contextlib.contextmanager
    def enter(self, *, make: bool = False) -> Iterator[int]:
        """Open the folder and yield its descriptor; with ``make``, after making it."""
        if make:
            self._storage.prepare(self.folder, "storage")
        with self._storage.enter(self.folder) as at:
            yield at

    def forgotten(self, seconds: float) -> list[str]:
        """Remove what was not completed; return the URIs of what is whole. Only what is older than so many seconds counts."""
        found = []
        with contextlib.suppress(FileNotFoundError), self.enter() as at:
            # By the clock of the file system, whatever ours says.
            now = _now(at)
            for name in os.listdir(at):
                with contextlib.suppress(FileNotFoundError):
                    if now - os.stat(name, dir_fd=at, follow_symlinks=False).st_mtime < seconds:
                        continue
                    if _COMING.fullmatch(name):
                        os.unlink(name, dir_fd=at)
                    elif _WHOLE.fullmatch(name):
                        found.append(uri_of(self.folder / name))
        return found

    def remove(self, uris: Iterable[str]) -> None:
        """Take files away that have landed; what is none of them stays."""
        for uri in uris:
            take_away(self._storage, uri)


def adopt(path: Path, partial: Partial) -> bool:
    """Make a file that has landed the content of a file in the making, without copying it; tell whether that can be done."""
    return _has_landed(path) and partial.link(path)


def take_away(storage: Storage, uri: str) -> None:
    """Take a file away that has landed, once it is where it belongs or nobody wants it; nothing happens to any other."""
    with contextlib.suppress(Invalid, FileNotFoundError):
        path = storage.source(uri, "upload")
        if _has_landed(path):
            with storage.enter(path.parent) as at:
                os.unlink(path.name, dir_fd=at)


def require_name(name: str, key: str = "filename") -> None:
    """Raise ``Invalid`` for what cannot be the name of a file, or would be more than a name."""
    try:
        length = len(os.fsencode(name))
    except UnicodeEncodeError:
        length = 0
    if not 0 < length <= 255 or "/" in name or "\0" in name or name in (".", ".."):
        raise Invalid(key, f"{key} is {shown(name)}; give the name of a file, without its folder.", value=name[:300])


def _has_landed(path: Path) -> bool:
    return path.parent.name == FOLDER and _WHOLE.fullmatch(path.name) is not None


def _now(at: int) -> float:
    clock = os.open(_CLOCK, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666, dir_fd=at)
    try:
        os.utime(clock)
        return os.fstat(clock).st_mtime
    finally:
        os.close(clock)
