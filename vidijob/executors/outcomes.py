"""Turns what went wrong in a step into an outcome: a lack of room or of a source is ``Wait``, what else may pass is
``Retry``, the rest ``Fail``.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from vidijob.errors import Invalid, NoAnswer, NotReady, SetupError
from vidijob.executors.base import Fail, Outcome, Retry, Wait
from vidijob.executors.remote.files import RemoteFile
from vidijob.executors.remote.troubles import Away, Full
from vidijob.executors.room import NoRoom
from vidijob.executors.storage import Absent, Storage, shown, uri_of
from vidijob.executors.threads import Stop, in_thread

#: What an operator, or time, can change while the job waits.
_PASSING = {
    errno.EIO: "the device reports an error; check it",
    errno.ESTALE: "the network storage has lost the file; check the mount",
    errno.ETIMEDOUT: "the storage does not answer; check the mount",
    errno.ENOTCONN: "the storage is not connected; check the mount",
    errno.EBUSY: "it is in use by something else",
    errno.EAGAIN: "the system is short of resources",
    errno.ENOMEM: "the system is short of memory",
    errno.EMFILE: "this process has too many files open; raise its limit",
    errno.ENFILE: "the system has too many files open",
}
_FULL = {
    errno.ENOSPC: "no space is left on the device; make room",
    errno.EDQUOT: "the disk quota is used up; make room or raise it",
}
#: What is said of files when the root above them is gone.
_AWAY = (errno.ENOENT, errno.ENOTDIR)
_LASTING = {
    errno.EACCES: "the server's user may not do that; change the permissions",
    errno.EPERM: "the server's user may not do that; change the permissions",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.EFBIG: "the file is larger than the file system allows",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ENOENT: "it is not there any more",
    errno.ELOOP: "a link in it has changed meanwhile, or links lead in a circle",
}


#: The problem that a lack of room is.
OUT_OF_STORAGE = "OUT_OF_STORAGE"
#: The problem that a missing source is, or a storage root that is not mounted.
SOURCE_UNAVAILABLE = "SOURCE_UNAVAILABLE"
#: The problem that a host elsewhere is, which cannot be reached.
REMOTE_UNAVAILABLE = "REMOTE_UNAVAILABLE"
#: What may hold back steps that work on files.
PROBLEMS = frozenset({OUT_OF_STORAGE, SOURCE_UNAVAILABLE, REMOTE_UNAVAILABLE})
#: Seconds for a look whether a host elsewhere is there again.
_LOOK = 10.0
#: Room is back when this part of a file system is free, or so many bytes.
_ROOM_SHARE = 0.05
_ROOM_BYTES = 1 << 30


async def answer(work: Awaitable[Outcome], storage: Storage, written: Callable[[], Path]) -> Outcome:
    """Await a step's work and turn the errors that it may end with into an outcome.

    ``written`` names a file that the step writes; asked only when there was no room for it.
    """
    try:
        return await work
    except Absent as error:
        return _wait_for(error)
    except (Invalid, SetupError) as error:
        return Fail(str(error))
    except NoRoom as error:
        return out_of_storage(storage, error.file, str(error))
    except Away as error:
        return Wait(REMOTE_UNAVAILABLE, {"remote": error.origin}, str(error))
    except Full as error:
        return Wait(OUT_OF_STORAGE, {"remote": error.origin}, str(error))
    except NoAnswer as error:
        return Retry(str(error))
    except OSError as error:
        if error.errno in _FULL:
            return out_of_storage(storage, written(), f"The storage: {_FULL[error.errno]}.")
        if error.errno in _AWAY and error.filename is not None:
            file = Path(os.fsdecode(error.filename))
            try:
                await in_thread(lambda stop: storage.require_root(file))
            except Absent as absent:
                return _wait_for(absent)
        return of_system_error(error)


def of_system_error(error: OSError) -> Retry | Fail:
    """Say in a sentence what the system refused, and whether trying again makes sense."""
    where = "The storage" if error.filename is None else shown(os.fsdecode(error.filename))
    code = error.errno or 0
    if code in _PASSING:
        return Retry(f"{where}: {_PASSING[code]}.")
    return Fail(f"{where}: {_LASTING.get(code, error.strerror or str(error))}.")


def out_of_storage(storage: Storage, file: Path, reason: str) -> Wait:
    """Wait for room in the storage root that a file lies in."""
    return Wait(OUT_OF_STORAGE, {"storage": uri_of(storage.root_of(file))}, reason)


def _wait_for(absent: Absent) -> Wait:
    return Wait(SOURCE_UNAVAILABLE, absent.missing, str(absent))


async def is_gone(storage: Storage, type: str, data: Mapping[str, str]) -> bool:
    """Tell whether the condition of a problem, one of ``PROBLEMS``, holds no longer."""
    try:
        # Other problems wait for this look.
        async with asyncio.timeout(_LOOK):
            if type == SOURCE_UNAVAILABLE and "source" in data:
                return await in_thread(lambda stop: _is_there(storage, data["source"], stop))
            if type in PROBLEMS and "remote" in data:
                return await in_thread(lambda stop: _answers(storage, data["remote"], stop))
    except TimeoutError:
        return False
    if type in PROBLEMS and "storage" in data:
        usable = has_room if type == OUT_OF_STORAGE else os.path.isdir
        return await in_thread(lambda stop: usable(storage.folder(data["storage"], "storage")))
    return False


def _answers(storage: Storage, uri: str, stop: Stop) -> bool:
    """Tell whether a host elsewhere answers again, whatever it says."""
    try:
        address = storage.remotes.find(f"{uri}/", "sourceUri")
        if address is not None:
            RemoteFile(storage.remotes, address, "sourceUri").exists(stop)
    except Invalid:
        return True
    except NotReady:
        return False
    return True


def _is_there(storage: Storage, uri: str, stop: Stop) -> bool:
    """Tell whether something is where a source was missing; whether it can be used, the step finds out."""
    try:
        address = storage.remotes.find(uri, "sourceUri")
        if address is None:
            storage.source(uri)
        else:
            RemoteFile(storage.remotes, address, "sourceUri").facts(stop)
    except (Absent, NotReady):
        return False
    except Invalid:
        return True
    except OSError as error:
        return isinstance(of_system_error(error), Fail)
    return True


def has_room(folder: Path, size: int = 0) -> bool:
    """Tell whether a file system that was full has room again, or will still have some when so many bytes are written."""
    try:
        room = os.statvfs(folder)
    except OSError:
        return False
    free = room.f_bavail * room.f_frsize - size
    return free >= min(_ROOM_SHARE * room.f_blocks * room.f_frsize, _ROOM_BYTES)
