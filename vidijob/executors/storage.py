"""The storage roots: which files jobs may read and write. Everything that a job's data names comes through here.

A name is taken apart once, its links are resolved, and the result must lie under a root. Because links can change between
that look and the use, whoever opens a file or a folder uses ``open_source`` and ``enter``, which look again at what was
really opened. It blocks: call it in a thread.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote_to_bytes

from vidijob.errors import Invalid, SetupError
from vidijob.executors.names import shown, uri_of
from vidijob.executors.remote.schemes import Remotes

__all__ = ["Absent", "Storage", "shown", "uri_of"]

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)


class Absent(Invalid):
    """A source that is not there, or a storage root; it may come."""

    def __init__(self, context: str, explanation: str, *, value: str, missing: Mapping[str, str]) -> None:
        super().__init__(context, explanation, value=value)
        #: What is missing, by its URI: ``{"source": "file:///media/a.mov"}`` or ``{"storage": "file:///media"}``.
        self.missing = missing


class Storage:
    """The folders that jobs may use."""

    def __init__(self, roots: Sequence[Path], remotes: Remotes | None = None) -> None:
        if not roots:
            raise SetupError("There is no storage root; set storage_roots to the folders that jobs may use.")
        for root in roots:
            if not root.is_absolute():
                raise SetupError(f"The storage root {shown(root)} must be an absolute path.")
        self._roots = tuple(roots)
        #: The places elsewhere that jobs may use besides.
        self.remotes = remotes or Remotes()

    def source(self, uri: str, key: str = "sourceUri") -> Path:
        """Return the real path of an existing file; ``key`` is the data key to complain about.

        Raises ``Absent`` where it is not there.
        """
        path = self._inside(Path(os.path.realpath(_path(uri, key))), uri, key)
        self.require_root(path, key)
        self._require_file(path, uri, key)
        return path

    def removable(self, uri: str, key: str = "sourceUri") -> Path:
        """Return the real path of an existing file that may be taken away: not by a link that leads to it."""
        path = _path(uri, key)
        if path.is_symlink():
            raise Invalid(key, f"{key} names {shown(uri)}, a link; name the file itself.", value=uri)
        return self.source(uri, key)

    def size(self, source: Path) -> int:
        """Return the size of a file that ``source`` has returned, in bytes."""
        try:
            return os.stat(source).st_size
        except FileNotFoundError:
            raise _absent(source, str(source), "sourceUri") from None

    def destination(self, uri: str, key: str = "destinationUri") -> Path:
        """Return the real path that a file to be made will have; it and its folder need not exist."""
        path = _path(uri, key)
        if uri.endswith("/"):
            raise Invalid(key, f"{key} names the folder {shown(uri)}; name the file to be made.", value=uri)
        return self._inside(Path(os.path.realpath(path.parent)) / path.name, uri, key)

    def folder(self, uri: str, key: str = "destinationUri") -> Path:
        """Return the real path of a folder; it need not exist, and it may be a root."""
        path = Path(os.path.realpath(_path(uri, key)))
        return path if self._is_root(path) else self._inside(path, uri, key)

    def source_folder(self, uri: str, key: str = "sourceUri") -> Path:
        """Return the real path of an existing folder, which may be a root; raise ``Absent`` where it is not there."""
        path = self.folder(uri, key)
        self.require_root(path, key)
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            raise _absent(path, uri, key) from None
        except NotADirectoryError:
            mode = 0
        if not stat.S_ISDIR(mode):
            raise Invalid(key, f"{key} names {shown(uri)}, which is no folder; name a folder.", value=uri)
        return path

    def name(self, uri: str, key: str = "sourceUri") -> str:
        """Return the last part of what a URI names, whether it exists or not, here or elsewhere."""
        address = self.remotes.find(uri, key)
        if address is None:
            return _path(uri, key).name
        if not address.name:
            raise Invalid(key, f"{key} names {address.uri}, which is no file.")
        return address.name

    def require_vacant(self, path: Path, key: str = "destinationUri", *, overwrite: bool = False) -> None:
        """Refuse a destination where something is already, even a link that leads nowhere; with ``overwrite`` a file may be."""
        if os.path.lexists(path) and not (overwrite and stat.S_ISREG(os.lstat(path).st_mode)):
            never = "is no ordinary file, so it is not" if overwrite else "is never"
            raise Invalid(
                key, f"{shown(path)} exists already and {never} overwritten; choose another {key}.", value=str(path)
            )

    def prepare(self, folder: Path, key: str = "destinationUri") -> None:
        """Make a folder below a root, with those above it, where it is not there yet; never a root."""
        self._inside(folder / "file", str(folder), key)
        self.require_root(folder, key)
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise Invalid(key, f"{shown(folder)} is not a folder, so no file can be made in it.") from None
        with self.enter(folder):
            pass
        # What is safely on the disk must not go with a folder that is not.
        for made in missing:
            with self.enter(made.parent) as at:
                os.fsync(at)

    @contextmanager
    def enter(self, folder: Path) -> Iterator[int]:
        """Open a folder and yield its descriptor, after making sure that what was opened lies under a root."""
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self._require_same(descriptor, folder)
            yield descriptor
        finally:
            os.close(descriptor)

    def open_source(self, path: Path) -> int:
        """Open a file that ``source`` has returned and return its descriptor, which the caller closes."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise _absent(path, str(path), "sourceUri") from None
        try:
            self._require_same(descriptor, path)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Invalid("sourceUri", f"{shown(path)} is not a file any more.")
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def require_root(self, path: Path, key: str = "storage") -> None:
        """Raise ``Absent`` where the root that a real path lies under is not there, as when it is not mounted."""
        root = next((root for root in self._real_roots() if path.is_relative_to(root)), None)
        if root is not None and not root.is_dir():
            raise Absent(
                key,
                f"The storage root {shown(root)} is not there; mount it or bring it back.",
                value=str(root),
                missing={"storage": uri_of(root)},
            )

    def working_root(self) -> Path:
        """Return the root that has what nobody names a place for, and what has no place yet: the first."""
        return next(self._real_roots())

    def root_of(self, path: Path) -> Path:
        """Return the root that a real path lies under, or its folder if that is none any more."""
        return next((root for root in self._real_roots() if path.is_relative_to(root)), path.parent)

    def _require_same(self, descriptor: int, path: Path) -> None:
        """Refuse what was opened unless a real path under a root leads to it."""
        real = Path(os.path.realpath(path))
        if not self._is_root(real):
            self._inside(real, str(path), "storage")
        if not os.path.samestat(os.fstat(descriptor), os.stat(real)):
            raise Invalid("storage", f"{shown(path)} was replaced while it was opened; try again.")

    def _real_roots(self) -> Iterator[Path]:
        # Each time anew: a root may be a link, and may be mounted late.
        return (Path(os.path.realpath(root)) for root in self._roots)

    def _is_root(self, path: Path) -> bool:
        return any(path == root for root in self._real_roots())

    def _inside(self, path: Path, uri: str, key: str) -> Path:
        if any(path != root and path.is_relative_to(root) for root in self._real_roots()):
            return path
        roots = ", ".join(shown(root) for root in self._roots)
        raise Invalid(
            key,
            f"{key} names {shown(uri)}, which lies outside the storage roots ({roots}); "
            "put the file into one of them, or have its folder added to storage_roots.",
            value=uri,
        )

    def _require_file(self, path: Path, uri: str, key: str) -> None:
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            if not uri.endswith("/"):
                raise _absent(_path(uri, key), uri, key) from None
            mode = stat.S_IFDIR
        except NotADirectoryError:
            raise Invalid(
                key,
                f"{key} names {shown(uri)}, which does not exist: a file stands where its folder should.",
                value=uri,
            ) from None
        if stat.S_ISDIR(mode) or uri.endswith("/"):
            raise Invalid(key, f"{key} names {shown(uri)}, a folder; name a file.", value=uri)
        if not stat.S_ISREG(mode):
            raise Invalid(key, f"{key} names {shown(uri)}, which is no ordinary file.", value=uri)


def _absent(path: Path, uri: str, key: str) -> Absent:
    return Absent(
        key,
        f"{key} names {shown(uri)}, which does not exist; bring it there, or abort the job.",
        value=uri,
        missing={"source": uri_of(path)},
    )


def _path(uri: str, key: str) -> Path:
    """Return the absolute path that a ``file:`` URI or a plain path stands for, with its links unresolved."""
    scheme = _SCHEME.fullmatch(uri)
    if uri.startswith("/"):
        path = uri
    elif scheme is None:
        raise Invalid(key, f"{key} is {shown(uri)!r}; give an absolute path or a file: URI.", value=uri)
    elif scheme[1].lower() == "file":
        path = _path_of_uri(scheme[2], uri, key)
    else:
        raise Invalid(key, f"{key} has the scheme {shown(scheme[1])}; only file: is allowed here.", value=uri)
    if "\0" in path:
        raise Invalid(key, f"{key} holds a NUL, which no file name can have.")
    if ".." in path.split("/"):
        raise Invalid(key, f"{key} is {shown(uri)}; '..' is not allowed in it, write the whole path.", value=uri)
    if path.rstrip("/").endswith("/.") or not path.strip("/"):
        raise Invalid(key, f"{key} is {shown(uri)}, which names no file.", value=uri)
    try:
        for part in path.split("/"):
            if len(os.fsencode(part)) > 255:
                raise Invalid(key, f"{key} is {shown(uri)}; a name in it is longer than 255 bytes.", value=uri)
    except UnicodeEncodeError:
        raise Invalid(
            key, f"{key} holds characters that are no text; percent-encode the bytes that are meant."
        ) from None
    # Two slashes at the start mean something else to POSIX.
    return Path("/" + path.lstrip("/"))


def _path_of_uri(rest: str, uri: str, key: str) -> str:
    """Decode what follows ``file:``; ``?`` and ``#`` are part of the name, as people who paste paths mean it."""
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host.lower() not in ("", "localhost"):
            raise Invalid(
                key, f"{key} names the host {shown(host)}; only files of this machine can be used.", value=uri
            )
        rest = slash + path
    if not rest.startswith("/"):
        raise Invalid(key, f"{key} is {shown(uri)!r}; write file:///, followed by the absolute path.", value=uri)
    try:
        return os.fsdecode(unquote_to_bytes(rest))
    except UnicodeEncodeError:
        raise Invalid(
            key, f"{key} holds characters that are no text; percent-encode the bytes that are meant."
        ) from None
