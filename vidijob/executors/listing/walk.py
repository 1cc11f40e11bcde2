"""Goes through folders of the storage roots and finds the files that a report is about, a few at a time.

No link is followed: what it leads to is found where it really is, or it lies outside. Files in the making are ours and left out.
Whatever vanishes or is moved meanwhile is passed over. It blocks: call it in a thread.
"""

from __future__ import annotations

import errno
import fnmatch
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.partials import is_partial
from vidijob.executors.storage import Storage
from vidijob.executors.threads import Stop

#: What keeps us out of a folder and is no reason to give up.
_CLOSED = frozenset({errno.EACCES, errno.EPERM, errno.ENAMETOOLONG, errno.ELOOP})
_GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ESTALE})


@dataclass(frozen=True, slots=True)
class Filters:
    """Which files are wanted."""

    #: Of names, with ``*``, ``?`` and ``[…]``, whatever their case; any, if there are some.
    patterns: tuple[str, ...] = ()
    #: In small letters, without a dot; any, if there are some.
    extensions: frozenset[str] = frozenset()
    #: How many folders deep below each source; ``None`` for all.
    depth: int | None = None
    #: In bytes.
    minimum_size: int = 0
    #: Seconds since the last change.
    minimum_age: float = 0

    def take_name(self, name: str) -> bool:
        """Tell whether a file of that name may be wanted."""
        small = name.lower()
        return (
            not self.patterns or any(fnmatch.fnmatchcase(small, pattern.lower()) for pattern in self.patterns)
        ) and (not self.extensions or os.path.splitext(small)[1][1:] in self.extensions)


@dataclass(frozen=True, slots=True)
class Item:
    """A file that was found."""

    path: Path
    #: Of its folder and its own, below the source.
    below: str
    #: In bytes.
    size: int
    #: When it was last changed, in seconds since 1970.
    modified: float


#: Name, size and time of a file: all that is kept of the many of one folder.
_Found = tuple[str, int, float]


class Walk:
    """One walk through some folders, each given by its real path."""

    def __init__(self, storage: Storage, folders: Sequence[Path], filters: Filters, now: float) -> None:
        """``now`` is the time by the clock of the storage, in seconds since 1970: ages are reckoned from it."""
        #: Folders that could not be looked into.
        self.closed: list[Path] = []
        #: How many links were met.
        self.links = 0
        self._storage = storage
        self._filters = filters
        self._now = now
        self._stop = Stop()
        self._items = self._walk(folders)

    def take(self, count: int, stop: Stop) -> list[Item]:
        """Return the next files, at most so many; none at the end."""
        self._stop = stop
        return list(islice(self._items, count))

    def _walk(self, folders: Sequence[Path]) -> Iterator[Item]:
        # One source may lie in another: files are told of once.
        listed: set[tuple[int, int]] = set()
        for source in folders:
            left = [(source, 0)]
            while left:
                folder, depth = left.pop()
                try:
                    identity, items, below = self._list(folder)
                except Invalid:
                    # It became a link meanwhile, or was replaced.
                    continue
                except OSError as error:
                    if depth and error.errno in _GONE:
                        continue
                    if depth and error.errno in _CLOSED:
                        self.closed.append(folder)
                        continue
                    raise
                if self._filters.depth is None or depth < self._filters.depth:
                    left += [(folder / name, depth + 1) for name in sorted(below, key=os.fsencode, reverse=True)]
                if identity not in listed:
                    listed.add(identity)
                    items.sort(key=lambda item: os.fsencode(item[0]))
                    for name, size, modified in items:
                        path = folder / name
                        yield Item(path, str(path.relative_to(source)), size, modified)

    def _list(self, folder: Path) -> tuple[tuple[int, int], list[_Found], list[str]]:
        """Return what a folder is, the files in it that are wanted, and the names of its folders."""
        items, below = [], []
        with self._storage.enter(folder) as at, os.scandir(at) as entries:
            status = os.fstat(at)
            for entry in entries:
                self._stop.check()
                if entry.is_symlink():
                    self.links += 1
                elif entry.is_dir(follow_symlinks=False):
                    below.append(entry.name)
                elif entry.is_file(follow_symlinks=False) and (item := self._item(folder, entry)) is not None:
                    items.append(item)
        return (status.st_dev, status.st_ino), items, below

    def _item(self, folder: Path, entry: os.DirEntry[str]) -> _Found | None:
        if not self._filters.take_name(entry.name) or is_partial(folder / entry.name):
            return None
        try:
            status = entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None
        if status.st_size < self._filters.minimum_size or self._now - status.st_mtime < self._filters.minimum_age:
            return None
        return entry.name, status.st_size, status.st_mtime
