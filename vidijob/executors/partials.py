"""Files in the making: hidden beside their destination, named for job and lease, and published whole or not at all.

::

      create ─► written ─► receipt ─► publish ─► sweep
               (by its step)         (by a later step)

A partial file stays where it is when it is published: its destination becomes a second link to the same file. So an attempt
that was killed between any two lines can be repeated: the destination *is* the partial file, or it is not there. Clean-up
takes the partial name away. Where a file system has no links, the file is renamed, and the receipt tells it again.
It blocks: call it in a thread.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidijob.errors import Invalid
from vidijob.executors.storage import Storage, shown

_REST = re.compile(rb"(?P<lease>\d+)\.part(?P<end>\.[A-Za-z0-9]{1,15})?")
_NAME = re.compile(rb"\..*\.vidijob-[^/]*-" + _REST.pattern, re.DOTALL)
_LONGEST = 255
_CLAIM = ".claim"
_NEXT = ".next"
_UNSUPPORTED = frozenset({errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.EMLINK})
_RENAME_NOREPLACE = 1
_CREATE = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Receipt:
    """By what a finished partial file is known again, whatever its name is by then."""

    #: The lease of the attempt that made it.
    lease: int
    inode: int
    #: In bytes.
    size: int
    #: When its content was last changed, in nanoseconds.
    changed: int

    def text(self) -> str:
        """Return it as a value for job data."""
        return f"{self.lease}:{self.inode}:{self.size}:{self.changed}"

    @classmethod
    def parse(cls, text: str) -> Receipt:
        """Read what ``text`` wrote; raises ``Invalid``."""
        try:
            lease, inode, size, changed = map(int, text.split(":"))
        except ValueError:
            raise Invalid("vidijob_receipt", "The job's notes of its own files cannot be read; run it again.") from None
        return cls(lease, inode, size, changed)

    def fits(self, status: os.stat_result) -> bool:
        """Tell whether a file is the one that was made."""
        return stat.S_ISREG(status.st_mode) and (
            (status.st_ino, status.st_size, status.st_mtime_ns) == (self.inode, self.size, self.changed)
        )


@dataclass(frozen=True, slots=True)
class Partial:
    """One file in the making."""

    storage: Storage
    #: Where it will be published.
    destination: Path
    #: The job's id, as users know it.
    job: str
    #: The lease of the attempt that makes it.
    lease: int
    #: Whether it may take the place of a file that is there.
    overwrite: bool = False

    @property
    def path(self) -> Path:
        """Return where it is while it is made."""
        return self.destination.with_name(_name(self.destination.name, self.job, self.lease))

    def create(self) -> int:
        """Make it, empty, and return its descriptor for reading and writing, which the caller closes."""
        with self.storage.enter(self.destination.parent) as at:
            return os.open(self.path.name, os.O_RDWR | _CREATE, 0o666, dir_fd=at)

    def create_empty(self) -> None:
        """Make it, empty, for a program that opens it by its path."""
        os.close(self.create())

    def link(self, source: Path) -> bool:
        """Make it a second name of a file that is there already; tell whether the file systems can do that."""
        folders = self.storage.enter(source.parent), self.storage.enter(self.destination.parent)
        with folders[0] as at, folders[1] as here:
            try:
                os.link(source.name, self.path.name, src_dir_fd=at, dst_dir_fd=here, follow_symlinks=False)
            except OSError as error:
                if error.errno in (*_UNSUPPORTED, errno.EXDEV):
                    return False
                raise
        return True

    def open(self) -> int:
        """Open it for reading and return the descriptor, which the caller closes."""
        with self.storage.enter(self.destination.parent) as at:
            return os.open(self.path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=at)

    def receipt(self) -> Receipt:
        """Force its content to the disk and return its receipt."""
        descriptor = self.open()
        try:
            os.fsync(descriptor)
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        return Receipt(self.lease, status.st_ino, status.st_size, status.st_mtime_ns)

    def remove(self) -> None:
        """Take it away; nothing happens where it is gone already."""
        with contextlib.suppress(FileNotFoundError), self.storage.enter(self.destination.parent) as at:
            os.unlink(self.path.name, dir_fd=at)

    def publish(self, receipt: Receipt) -> None:
        """Give it its final name, whole and safely on the disk, and do no harm when repeated.

        It never overwrites, unless it was asked to, and then in one step.
        """
        name, target = self.path.name, self.destination.name
        with self.storage.enter(self.destination.parent) as at:
            placed = _status(at, target)
            if placed is None or not receipt.fits(placed):
                self._require(at, receipt)
                try:
                    if self.overwrite:
                        _replace(at, name, target)
                    else:
                        _place(at, name, target)
                except (FileExistsError, IsADirectoryError):
                    raise Invalid(
                        "destinationUri",
                        f"{shown(self.destination)} has come into being meanwhile and is never overwritten; "
                        "move it away, or choose another destinationUri.",
                    ) from None
            os.fsync(at)

    def require(self, receipt: Receipt) -> None:
        """Raise ``Invalid`` unless it can be published, or is."""
        with self.storage.enter(self.destination.parent) as at:
            placed = _status(at, self.destination.name)
            if placed is None or not receipt.fits(placed):
                self._require(at, receipt)

    def _require(self, at: int, receipt: Receipt) -> None:
        made = _status(at, self.path.name)
        if made is None or not receipt.fits(made):
            raise Invalid(
                "destinationUri",
                f"The file made for {shown(self.destination)} is gone or was changed; run the job again.",
            )

    def withdraw(self, receipt: Receipt) -> None:
        """Take back a publication, as long as the partial file is still there beside it.

        Where it may have taken the place of another file, that cannot be brought back, and this one stays.
        """
        if self.overwrite:
            return
        with contextlib.suppress(FileNotFoundError), self.storage.enter(self.destination.parent) as at:
            placed, made = _status(at, self.destination.name), _status(at, self.path.name)
            if placed and made and receipt.fits(placed) and receipt.fits(made):
                os.unlink(self.destination.name, dir_fd=at)


def sweep(storage: Storage, destinations: Iterable[Path], job: str, *, before: int | None = None) -> None:
    """Remove what a job's attempts have left beside its destinations.

    With ``before``, only what attempts with an older lease left: a late one cannot take away what a newer one makes.
    """
    for destination in destinations:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), storage.enter(destination.parent) as at:
            found = [entry for entry in _left(at, destination.name, job) if before is None or entry.lease < before]
            unplaced = {entry.lease for entry in found if not entry.claim}
            for entry in found:
                if entry.claim and entry.lease in unplaced:
                    _give_up_claim(at, destination.name)
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(entry.name, dir_fd=at)


def publish_all(made: Sequence[tuple[Partial, Receipt]]) -> None:
    """Publish all files of a job, or none where one of them is refused."""
    for partial, receipt in made:
        partial.require(receipt)
    published = []
    try:
        for partial, receipt in made:
            published.append((partial, receipt))
            partial.publish(receipt)
    except Exception:
        for partial, receipt in published:
            partial.withdraw(receipt)
        raise


def is_partial(path: Path) -> bool:
    """Tell whether a name is one that we give to files in the making."""
    return _NAME.fullmatch(os.fsencode(path.name)) is not None


@dataclass(frozen=True, slots=True)
class _Left:
    """What an attempt has left."""

    name: bytes
    lease: int
    #: Whether it is a note that the attempt holds the destination's name with an empty file.
    claim: bool


def _left(at: int, target: str, job: str) -> Iterator[_Left]:
    starts = [os.fsencode(start) for start in _starts(target, job)]
    for name in map(os.fsencode, os.listdir(at)):
        for start in starts:
            found = _REST.fullmatch(name.removeprefix(start)) if name.startswith(start) else None
            if found is not None:
                yield _Left(name, int(found["lease"]), found["end"] == _CLAIM.encode())


def _starts(target: str, job: str) -> tuple[str, str]:
    """Return the starts of partial names: the one that people can read, and the one where the target's name is too long."""
    digest = hashlib.sha256(os.fsencode(target)).hexdigest()[:32]
    return f".{target}.vidijob-{job}-", f".{digest}.vidijob-{job}-"


def _name(target: str, job: str, lease: int) -> str:
    # ffmpeg and people look at the ending, so the partial name keeps it where it is an ordinary one.
    ending = Path(target).suffix
    ending = ending if re.fullmatch(r"\.[A-Za-z0-9]{1,15}", ending) and ending not in (_CLAIM, _NEXT) else ""
    readable, short = _starts(target, job)
    whole = f"{readable}{lease}.part{ending}"
    return whole if len(os.fsencode(whole)) + len(_CLAIM) <= _LONGEST else f"{short}{lease}.part{ending}"


def _status(at: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _place(at: int, name: str, target: str) -> None:
    """Give a file a second name, or its new one, which must be free: the best that the file system can do."""
    try:
        os.link(name, target, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
        return
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
    if not _rename_if_free(at, name, target):
        _claim(at, name, target)


def _replace(at: int, name: str, target: str) -> None:
    """Give a file a second name, or its new one, in place of a file that may have that name."""
    status = _status(at, target)
    if status is not None and not stat.S_ISREG(status.st_mode):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    second = _with_ending(name, _NEXT)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(second, dir_fd=at)
    try:
        os.link(name, second, src_dir_fd=at, dst_dir_fd=at, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        second = name
    os.rename(second, target, src_dir_fd=at, dst_dir_fd=at)


def _rename_if_free(at: int, name: str, target: str) -> bool:
    """Rename in one step that refuses to overwrite; tell whether the system can do that here."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    if rename(at, os.fsencode(name), at, os.fsencode(target), _RENAME_NOREPLACE) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), target)


def _claim(at: int, name: str, target: str) -> None:
    """Take the name with an empty file of our own, then rename over that; a note beside it says that it is ours."""
    note = _with_ending(name, _CLAIM)
    claimed = _status(at, note) is not None
    os.close(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=at))
    try:
        os.close(os.open(target, os.O_WRONLY | _CREATE, 0o666, dir_fd=at))
    except FileExistsError:
        status = _status(at, target)
        if not claimed or status is None or not _empty(status):
            os.unlink(note, dir_fd=at)
            raise
    os.rename(name, target, src_dir_fd=at, dst_dir_fd=at)
    os.unlink(note, dir_fd=at)


def _give_up_claim(at: int, target: str) -> None:
    """Remove the empty file that holds a name for us."""
    status = _status(at, target)
    if status is not None and _empty(status):
        os.unlink(target, dir_fd=at)


def _empty(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_size == 0


def _with_ending(name: str, ending: str) -> str:
    # The ending gives way, so that the name stays one of a partial file.
    return re.sub(r"\.part(\.[A-Za-z0-9]{1,15})?$", ".part" + ending, name)
