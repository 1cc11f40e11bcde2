"""Turns what went wrong in a step into an outcome: what may work later is ``Retry``, the rest ``Fail``."""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable

from vidijob.errors import Invalid, SetupError
from vidijob.executors.base import Done, Fail, Outcome, Retry
from vidijob.executors.storage import shown

#: What an operator, or time, can change while the job waits.
_PASSING = {
    errno.ENOSPC: "no space is left on the device; make room",
    errno.EDQUOT: "the disk quota is used up; make room or raise it",
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
_LASTING = {
    errno.EACCES: "the server's user may not do that; change the permissions",
    errno.EPERM: "the server's user may not do that; change the permissions",
    errno.EROFS: "the file system is read-only; choose another place",
    errno.EFBIG: "the file is larger than the file system allows",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ENOENT: "it is not there any more",
    errno.ELOOP: "a link in it has changed meanwhile, or links lead in a circle",
}


async def answer(work: Awaitable[Done | Fail | Retry]) -> Outcome:
    """Await a step's work and turn the errors that it may end with into an outcome."""
    try:
        return await work
    except (Invalid, SetupError) as error:
        return Fail(str(error))
    except OSError as error:
        return of_system_error(error)


def of_system_error(error: OSError) -> Retry | Fail:
    """Say in a sentence what the system refused, and whether trying again makes sense."""
    where = "The storage" if error.filename is None else shown(os.fsdecode(error.filename))
    code = error.errno or 0
    if code in _PASSING:
        return Retry(f"{where}: {_PASSING[code]}.")
    return Fail(f"{where}: {_LASTING.get(code, error.strerror or str(error))}.")
